#include "tools/cli/values.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <limits>

#include "tools/cli/exit.hpp"

namespace tools {
namespace {

// Splits "12.5ms" into 12.5 and "ms". std::from_chars, since strtod(3) would take "nan",
// hexadecimal numbers and whatever the locale uses as a decimal point.
template <class Number>
bool split_number(const std::string& text, Number& number, std::string_view& unit) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest == text.data()) return false;
  unit = {rest, static_cast<std::size_t>(end - rest)};
  return true;
}

// Edits between two words, neighbours' swaps included (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

}  // namespace

std::chrono::nanoseconds parse_duration(const std::string& text) {
  double number = 0;
  std::string_view unit;
  double scale = 0;
  if (split_number(text, number, unit)) {
    if (unit.empty() || unit == "s") scale = 1;
    if (unit == "ms") scale = 1e-3;
    if (unit == "us") scale = 1e-6;
    if (unit == "m") scale = 60;
    if (unit == "h") scale = 3600;
  }
  const double seconds = number * scale;
  // from_chars takes "inf" and "nan"; the comparison refuses both. 1e9 seconds are 31 years, and
  // still far from the end of the clock's 64-bit nanoseconds.
  if (scale == 0 || !(seconds >= 0 && seconds <= 1e9))
    throw UsageError("'" + text + "' is no duration; give seconds like 2 or 0.5, or 100ms, 5m");
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

std::size_t parse_size(const std::string& text) {
  std::size_t number = 0;
  std::string_view unit;
  const bool split = split_number(text, number, unit);
  if (unit.ends_with('B')) unit.remove_suffix(1);
  if (unit.ends_with('i') && unit.size() > 1) unit.remove_suffix(1);
  int shift = -1;
  if (unit.empty()) shift = 0;
  if (unit == "K" || unit == "k") shift = 10;
  if (unit == "M" || unit == "m") shift = 20;
  if (unit == "G" || unit == "g") shift = 30;
  if (!split || shift < 0 || number > std::numeric_limits<std::size_t>::max() >> shift)
    throw UsageError("'" + text + "' is no size; give bytes like 4096, or 64K, 1M");
  return number << shift;
}

std::uint64_t parse_count(const std::string& text, std::uint64_t most) {
  std::uint64_t number = 0;
  std::string_view rest;
  if (!split_number(text, number, rest) || !rest.empty() || number > most)
    throw UsageError("'" + text + "' is no whole number from 0 to " + std::to_string(most));
  return number;
}

mode_t parse_mode(const std::string& text) {
  mode_t mode = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, mode, 8);
  if (error != std::errc{} || rest != end || mode > 0777)
    throw UsageError("'" + text + "' is no mode; give octal digits like 0640");
  return mode;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  // Three edits, or a third of the word: beyond that a suggestion confuses more than it helps.
  std::size_t least = std::min<std::size_t>(3, word.size() / 3 + 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t edits = distance(word, candidate);
    if (edits < least) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

int parse_signal(const std::string& text) {
  std::string name = text.starts_with("SIG") ? text.substr(3) : text;
  int first = 0;
  int sign = 1;
  if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) {
    first = name.starts_with("RTMIN") ? SIGRTMIN : SIGRTMAX;
    sign = name.starts_with("RTMIN") ? 1 : -1;
    name = name.size() == 5 ? "0" : name.substr(name[5] == (sign == 1 ? '+' : '-') ? 6 : 5);
  }
  for (int number = 1; first == 0 && number < SIGRTMIN; ++number)
    if (const char* known = ::sigabbrev_np(number); known != nullptr && name == known)
      return number;
  const auto count = static_cast<int>(parse_count(name, static_cast<std::uint64_t>(SIGRTMAX)));
  const int number = first + sign * count;
  if (number < 1 || number > SIGRTMAX || (first != 0 && number < SIGRTMIN))
    throw UsageError("'" + text + "' is no signal; kill -l shows them");
  return number;
}

}  // namespace tools

#include "tools/crawler/settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace crawler {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Milliseconds as_time(std::uint64_t milliseconds) {
  return Milliseconds(static_cast<std::int64_t>(milliseconds));
}

}  // namespace

std::string option_of(std::string_view key) {
  std::string name = "--" + std::string(key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string render(std::uint64_t number) {
  return std::to_string(number);
}

std::string render(Milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  if (const auto rest = time.count() % 1000; rest != 0) {
    std::string digits = std::to_string(1000 + rest).substr(1);
    while (digits.back() == '0') digits.pop_back();
    text += "." + digits;
  }
  return text;
}

std::string render(bool value) {
  return value ? "true" : "false";
}

std::string render(const std::vector<std::string>& list) {
  std::string joined;
  for (const std::string& each : list) joined += (joined.empty() ? "" : ",") + each;
  return joined;
}

std::string render(const std::string& text) {
  return text;
}

std::string assign(std::uint64_t& value, std::string_view text, Range range) {
  std::uint64_t number = 0;
  if (!parse_number(text, number)) return "must be a whole number";
  if (number < range.least || number > range.most)
    return "must be from " + render(range.least) + " to " + render(range.most);
  value = number;
  return "";
}

std::string assign(Milliseconds& value, std::string_view text, Range range) {
  double seconds = 0;
  if (!parse_number(text, seconds) || !std::isfinite(seconds)) return "must be a number of seconds";
  const double milliseconds = std::round(seconds * 1000);
  if (milliseconds < static_cast<double>(range.least) ||
      milliseconds > static_cast<double>(range.most))
    return "must be from " + render(as_time(range.least)) + " to " + render(as_time(range.most)) +
           " seconds";
  value = Milliseconds(static_cast<std::int64_t>(milliseconds));
  return "";
}

std::string assign(bool& value, std::string_view text, Range) {
  if (text != "true" && text != "false") return "must be true or false";
  value = text == "true";
  return "";
}

std::string assign(std::vector<std::string>& value, std::string_view text, Range range) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    std::string item;
    if (const auto problem = assign(item, text.substr(0, comma), range); !problem.empty())
      return problem;
    if (item.empty()) return "must not have an empty item";
    list.push_back(std::move(item));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  value = std::move(list);
  return "";
}

std::string assign(std::string& value, std::string_view text, Range) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return "must not have control characters";
  value = text;
  return "";
}

}  // namespace crawler

#include "tools/crawler/content_type.hpp"

#include <algorithm>
#include <cstddef>

#include "tools/crawler/html/scan.hpp"

namespace crawler {

namespace {

constexpr std::string_view space = " \t\r\n";

std::string_view trim(std::string_view text) {
  std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), html::to_lower);
  return result;
}

// Takes a parameter's value, quoted or not, from the front of `rest`.
std::string take_value(std::string_view& rest) {
  std::string value;
  if (!rest.starts_with('"')) {
    std::size_t end = std::min(rest.find(';'), rest.size());
    value = trim(rest.substr(0, end));
    rest.remove_prefix(end);
    return value;
  }
  rest.remove_prefix(1);
  while (!rest.empty() && rest[0] != '"') {
    if (rest[0] == '\\' && rest.size() > 1) rest.remove_prefix(1);
    value += rest[0];
    rest.remove_prefix(1);
  }
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  return value;
}

}  // namespace

ContentType parse_content_type(std::string_view field) {
  ContentType result;
  std::size_t end = std::min(field.find(';'), field.size());
  result.type = lower(trim(field.substr(0, end)));
  if (result.type.find('/') == std::string::npos) result.type.clear();
  std::string_view rest = field.substr(end);
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the semicolon
    std::size_t stop = std::min(rest.find_first_of("=;"), rest.size());
    std::string name = lower(trim(rest.substr(0, stop)));
    rest.remove_prefix(stop);
    if (!rest.starts_with('=')) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(space), rest.size()));
    std::string value = take_value(rest);
    if (name == "charset" && result.charset.empty()) result.charset = value;
  }
  return result;
}

NulPattern find_nul_pattern(std::string_view bytes) {
  static constexpr std::size_t sample = 4096;
  std::size_t pairs = std::min(bytes.size(), sample) / 2;
  std::size_t even = 0;
  std::size_t odd = 0;
  for (std::size_t i = 0; i < pairs; ++i) {
    even += bytes[2 * i] == '\0' ? std::size_t{1} : 0;
    odd += bytes[2 * i + 1] == '\0' ? std::size_t{1} : 0;
  }
  // One character in twenty from ASCII is less than any page has; and hardly ever do the other halves of
  // characters vanish too.
  auto is_pattern = [&](std::size_t zeros, std::size_t others) {
    return zeros >= 2 && zeros * 20 >= pairs && others * 20 <= zeros;
  };
  if (is_pattern(odd, even)) return NulPattern::utf_16le;
  if (is_pattern(even, odd)) return NulPattern::utf_16be;
  return NulPattern::none;
}

}  // namespace crawler

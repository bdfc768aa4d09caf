#include "tools/crawler/http_target.hpp"

#include <algorithm>
#include <string>

namespace crawler {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[at + 2]) : -1;
    if (low < 0) return {};
    decoded += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return decoded;
}

Target parse_target(std::string_view target) {
  const auto mark = std::min(target.find('?'), target.size());
  return {std::string(target.substr(0, mark)),
          std::string(target.substr(std::min(mark + 1, target.size())))};
}

std::optional<std::string> Target::url() const {
  constexpr std::string_view name = "url=";
  for (std::string_view rest = query; !rest.empty();) {
    const auto end = std::min(rest.find('&'), rest.size());
    if (rest.starts_with(name)) {
      const std::string_view value = rest.substr(name.size());
      if (value.starts_with("http://") || value.starts_with("https://")) return std::string(value);
      return percent_decode(rest.substr(name.size(), end - name.size()));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

bool is_loopback_host(std::string_view header) {
  std::string host = lower(header);
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string::npos) return false;
    const std::string_view after = std::string_view(host).substr(close + 1);
    return host.substr(1, close - 1) == "::1" && (after.empty() || after.front() == ':');
  }
  host = host.substr(0, host.find(':'));
  if (host == "localhost") return true;
  // 127.0.0.0/8 as four decimal numbers; a name such as 127.example.org is not in it.
  return host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string::npos;
}

bool is_own_origin(std::string_view origin) {
  if (origin.empty()) return true;
  const std::string text = lower(origin);
  constexpr std::string_view scheme = "http://";
  return text.starts_with(scheme) && is_loopback_host(text.substr(scheme.size()));
}

}  // namespace crawler

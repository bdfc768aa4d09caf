#include "tools/crawler/fetch_target.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "tools/crawler/url.hpp"

namespace crawler {
namespace {

/// "mailto:x" → "mailto"; "" if the text begins with no scheme (RFC 3986, 3.1).
std::string scheme_of(const std::string& url) {
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
  };
  const auto colon = std::find_if_not(url.begin(), url.end(), fits);
  if (colon == url.end() || *colon != ':' || std::isalpha(static_cast<unsigned char>(url[0])) == 0)
    return "";
  std::string scheme(url.begin(), colon);
  for (char& c : scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return scheme;
}

}  // namespace

std::optional<Failure> FetchTarget::set(const std::string& text, std::uint64_t max_length) {
  url = text;
  if (text.size() > std::min<std::uint64_t>(max_length, max_url))
    return Failure{"url-too-long", std::to_string(text.size()) + " bytes"};
  const std::string scheme = scheme_of(text);
  if (scheme.empty()) return Failure{"bad-url", "no scheme, such as http:, in front"};
  if (scheme != "http" && scheme != "https")
    return Failure{"refused-scheme", scheme + " is neither http nor https"};
  std::optional<Url> parsed = parse_url(text);
  if (!parsed) return Failure{"bad-url", "malformed"};
  const bool is_v6 = parsed->host.find(':') != std::string::npos;
  host = (is_v6 ? "[" + parsed->host + "]" : parsed->host) + ":" + std::to_string(parsed->port);
  is_secure = parsed->scheme == "https";
  url = std::move(parsed->text);
  return std::nullopt;
}

std::string FetchTarget::resolve(const std::string& location) const {
  // What has a scheme of its own is judged by set(), which says what is wrong with it.
  if (!scheme_of(location).empty()) return location;
  const std::string resolved = resolve_url(url, location);
  return resolved.empty() ? location : resolved;
}

}  // namespace crawler

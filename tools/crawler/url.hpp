// URLs: which are fetched, and what a link in a page points to. By libcurl's URL API (RFC 3986, and the
// leniencies of the web that libcurl shares).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crawler {

inline constexpr std::size_t max_url = 8192;  // bytes

struct Url {
  std::string
      text;  // normalised: scheme and host in lower case, dot segments resolved, no fragment
  std::string scheme;  // "http" or "https"
  std::string host;    // without the brackets of an IPv6 address
  std::uint16_t port;  // the scheme's own when none is written
};

// An absolute http or https URL; nothing for any other text, for more than max_url bytes, for one with
// control characters, without a host or with a user name in it (credentials do not belong into lists).
// Any thread may call it. Throws std::bad_alloc.
std::optional<Url> parse_url(std::string_view text);

// The URL that a reference found at `base` means (RFC 3986 5.2), without its fragment, white space around
// it and line ends in it removed as the WHATWG URL standard does; empty if that is no URL parse_url
// takes, as with "mailto:" and "javascript:".
std::string resolve_url(std::string_view base, std::string_view reference);

}  // namespace crawler

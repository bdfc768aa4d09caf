// The Content-Type header field (RFC 9110 8.3.1), and the pattern that gives UTF-16 away.
#pragma once

#include <string>
#include <string_view>

namespace crawler {

struct ContentType {
  std::string type;     // "text/html", lower case; empty if the field is empty or malformed
  std::string charset;  // the parameter's value as written, without quotes; empty if there is none
};

// Never fails: what cannot be understood is left out. Of several charset parameters the first counts.
ContentType parse_content_type(std::string_view field);

// Is this UTF-16 without a byte order mark? Markup, spaces and digits then leave every other byte zero.
enum class NulPattern : unsigned char { none, utf_16be, utf_16le };
NulPattern find_nul_pattern(std::string_view bytes);

}  // namespace crawler

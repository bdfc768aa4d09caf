// Which bytes are valid UTF-8 (Unicode 15, table 3-7; RFC 3629: no surrogates, nothing overlong,
// nothing beyond U+10FFFF).
#pragma once

#include <cstddef>
#include <string_view>

namespace crawler {

// How many bytes from the start are valid, up to the first that is not or to a character that the
// end cuts.
std::size_t valid_utf8_prefix(std::string_view bytes);

// How many bytes, at least one, a single U+FFFD stands for where bytes, which are not empty, begin
// with no valid character: as many as could have begun one (WHATWG Encoding 8.1.1; Unicode 15, 3.9
// "maximal subparts").
std::size_t invalid_utf8_length(std::string_view bytes);

inline bool is_valid_utf8(std::string_view bytes) {
  return valid_utf8_prefix(bytes) == bytes.size();
}

inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";  // U+FFFD

// Appends a code point, which must be a Unicode scalar value.
template <class Text>
void append_utf8(Text& text, char32_t point) {
  auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

}  // namespace crawler

// In which encoding is a page written? (HTML standard 13.2.3.2, WHATWG Encoding 6)
//
// What is asked, in this order, and the first answer counts:
//
//   bom          a byte order mark, which nobody writes by accident
//   header       charset in the Content-Type
//   meta         <meta charset> or its elder <meta http-equiv> in the first 1,024 bytes
//   xml          encoding="..." in <?xml ...?>
//   nul_pattern  every other byte is zero, as in UTF-16. Before the next question, because such bytes
//                are valid UTF-8 too as long as the page holds ASCII alone
//   valid_utf8   all bytes are valid UTF-8, which text in another encoding hardly ever is by chance
//   detected     what the bytes beyond ASCII tell (charset/detect.hpp)
//   fallback     windows-1252, which is what pages that declare nothing were written in
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tools/crawler/charset/encoding.hpp"

namespace crawler {

enum class CharsetSource : std::uint8_t {
  bom,
  header,
  meta,
  xml,
  nul_pattern,
  valid_utf8,
  detected,
  fallback,
  given,  // not found out at all: the caller knows
};

// "header", "valid-utf-8", ...: for people and logs.
std::string_view to_string(CharsetSource source);

struct Charset {
  Encoding encoding = Encoding::windows_1252;
  CharsetSource source = CharsetSource::fallback;
  std::size_t bom_size = 0;  // bytes of the byte order mark, which are no text
};

// `label` is the charset parameter of the Content-Type, empty if there is none; `is_markup` says whether
// the bytes may declare their encoding themselves. Labels that mean nothing are passed over.
Charset find_charset(std::string_view bytes, std::string_view label, bool is_markup);

}  // namespace crawler

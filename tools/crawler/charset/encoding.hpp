// The encodings of the web and the names pages give them (https://encoding.spec.whatwg.org/).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace crawler {

enum class Encoding : std::uint8_t {
  utf_8,
  ibm866,
  iso_8859_2,
  iso_8859_3,
  iso_8859_4,
  iso_8859_5,
  iso_8859_6,
  iso_8859_7,
  iso_8859_8,
  iso_8859_8_i,
  iso_8859_10,
  iso_8859_13,
  iso_8859_14,
  iso_8859_15,
  iso_8859_16,
  koi8_r,
  koi8_u,
  macintosh,
  windows_874,
  windows_1250,
  windows_1251,
  windows_1252,
  windows_1253,
  windows_1254,
  windows_1255,
  windows_1256,
  windows_1257,
  windows_1258,
  x_mac_cyrillic,
  x_user_defined,
  gbk,
  gb18030,
  big5,
  euc_jp,
  iso_2022_jp,
  shift_jis,
  euc_kr,
  utf_16be,
  utf_16le,
  replacement,  // what can hide markup from a filter (ISO-2022-KR, HZ): decoded to nothing but U+FFFD
};

// How bytes become characters.
enum class Codec : std::uint8_t {
  utf_8,
  single_byte,
  user_defined,
  multi_byte,
  utf_16,
  replacement
};

struct EncodingInfo {
  std::string_view name;  // as the standard writes it
  Codec codec;
  const char* iconv_name;  // what iconv_open(3) knows it by, nullptr where it is not asked
};

const EncodingInfo& info(Encoding encoding);

// What a label stands for, whatever its case and the white space around it; nothing if it is not one of
// the standard's 228. Labels lie: latin1 and ascii mean windows-1252, gb2312 means GBK.
std::optional<Encoding> find_encoding(std::string_view label);

}  // namespace crawler

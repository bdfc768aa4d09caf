#include "tools/crawler/html/reference_states.hpp"

namespace crawler::html {

std::size_t encode_numeric_reference(std::uint32_t code_point, char (&utf8)[4]) {
  // 0x80 to 0x9F are control characters in Unicode and printable in windows-1252, which is what
  // pages with such references were written in. 0 where windows-1252 has none either.
  static constexpr std::uint16_t windows_1252[32] = {
      0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
      0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
      0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
  bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (code_point == 0 || code_point > 0x10FFFF || is_surrogate) code_point = 0xFFFD;
  if (code_point >= 0x80 && code_point <= 0x9F && windows_1252[code_point - 0x80] != 0) {
    code_point = windows_1252[code_point - 0x80];
  }
  auto trail = [&](unsigned shift) {
    return static_cast<char>(0x80 | (code_point >> shift & 0x3F));
  };
  if (code_point < 0x80) {
    utf8[0] = static_cast<char>(code_point);
    return 1;
  }
  if (code_point < 0x800) {
    utf8[0] = static_cast<char>(0xC0 | code_point >> 6);
    utf8[1] = trail(0);
    return 2;
  }
  if (code_point < 0x10000) {
    utf8[0] = static_cast<char>(0xE0 | code_point >> 12);
    utf8[1] = trail(6);
    utf8[2] = trail(0);
    return 3;
  }
  utf8[0] = static_cast<char>(0xF0 | code_point >> 18);
  utf8[1] = trail(12);
  utf8[2] = trail(6);
  utf8[3] = trail(0);
  return 4;
}

}  // namespace crawler::html

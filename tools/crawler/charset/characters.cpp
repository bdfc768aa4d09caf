#include "tools/crawler/charset/characters.hpp"

#include <string_view>

namespace crawler {

bool is_letter(char32_t point) {
  if (point >= 0xC0 && point < 0x250) return point != U'×' && point != U'÷';
  return is_accent(point) || (point >= 0x386 && point < 0x400 && point != 0x387) ||
         (point >= 0x400 && point < 0x530) || (point >= 0x5B0 && point < 0x5F0 && point != 0x5BE) ||
         (point >= 0x621 && point < 0x660) || (point >= 0x671 && point < 0x6D4) ||
         (point >= 0xE01 && point < 0xE4F && point != U'฿');
}

bool is_latin_vowel(char32_t point) {
  return std::u32string_view(U"àáâãäåæèéêëìíîïòóôõöøùúûüýÿāăąēėęěĩīįıōőœũūŭůűųơư").find(point) !=
         std::u32string_view::npos;
}

char32_t lower_case(char32_t point) {
  auto in = [point](char32_t first, char32_t last) { return point >= first && point <= last; };
  bool is_even = point % 2 == 0;
  if (in(0xC0, 0xDE) && point != U'×') return point + 0x20;
  if (point == U'İ' || point == U'ı') return point;  // of the ASCII letters i and I
  if (point == U'Ÿ') return U'ÿ';
  if (in(0x100, 0x137) || in(0x14A, 0x177) || in(0x200, 0x233)) return is_even ? point + 1 : point;
  if (in(0x139, 0x148) || in(0x179, 0x17E)) return is_even ? point : point + 1;
  if (point == U'Ơ' || point == U'Ư') return point + 1;
  if (point == U'Ά') return U'ά';
  if (in(0x388, 0x38A)) return point + 0x25;
  if (point == U'Ό') return U'ό';
  if (point == U'Ύ' || point == U'Ώ') return point + 0x3F;
  if (in(0x391, 0x3AB)) return point + 0x20;
  if (in(0x400, 0x40F)) return point + 0x50;
  if (in(0x410, 0x42F)) return point + 0x20;
  if (in(0x460, 0x481) || in(0x48A, 0x4BF)) return is_even ? point + 1 : point;
  return point;
}

}  // namespace crawler

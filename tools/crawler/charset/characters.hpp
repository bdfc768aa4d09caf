// What the characters are that single-byte encodings have beyond ASCII. The C library knows it for all of
// Unicode, but by the locale, which a page's text must not depend on.
#pragma once

namespace crawler {

// An accent of its own, as windows-1258 writes the tones of Vietnamese.
inline bool is_accent(char32_t point) {
  return point >= 0x300 && point < 0x370;
}

// Vowel signs and tones, which letters carry, are letters.
bool is_letter(char32_t point);

// Of the lower-case Latin letters.
bool is_latin_vowel(char32_t point);

// Any other character than an upper-case letter of Latin, Greek or Cyrillic is returned as it is; the dotted
// I too, whose lower case is ASCII.
char32_t lower_case(char32_t point);

}  // namespace crawler

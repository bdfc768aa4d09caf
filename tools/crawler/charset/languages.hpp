// How often languages use the letters that ASCII does not have.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace crawler {

// Languages that were written in the same encodings. Some belong to two regions.
enum Region : unsigned {
  western = 1 << 0,
  central = 1 << 1,
  baltic = 1 << 2,
  southern = 1 << 3,
  turkish = 1 << 4,
  vietnamese = 1 << 5,
  cyrillic = 1 << 6,
  greek = 1 << 7,
  hebrew = 1 << 8,
  arabic = 1 << 9,
  thai = 1 << 10
};

struct Language {
  std::string_view name;
  unsigned regions;
  int signs;  // of a thousand characters beyond ASCII, how many are none of its letters: quotes, dashes
  // Lower-case letters, each followed by how many it is of a thousand letters beyond ASCII. An accent that
  // an encoding writes by itself counts as a letter.
  std::u32string_view letters;
};

std::span<const Language> languages();

using Frequencies = std::vector<std::pair<char32_t, double>>;

// What a text like "é600 à130" says, as shares of the whole.
Frequencies parse_frequencies(std::u32string_view text);

// 0 for a character that is not there.
double frequency(const Frequencies& known, char32_t character);

}  // namespace crawler

// Whether characters stand where such characters stand.
//
// A wrong encoding turns letters into others at random, which shows in their neighbours: "пРИВЕТ" for
// "Привет", "cºur" for "cœur", a letter of another script in the middle of a word, vowels in a row.
#pragma once

#include <array>
#include <cstdint>

namespace crawler {

// What a character is to its neighbours.
enum Kind : std::uint8_t {
  outside,  // of words: spaces, ASCII that is neither letter nor digit, what is no character
  digit,
  ascii_vowel,
  ascii_consonant,
  ascii_capital,
  latin_vowel,  // from here on beyond ASCII
  latin_consonant,
  latin_capital,
  accent,       // by itself, after its letter
  other_small,  // of Greek, Cyrillic
  other_capital,
  uncased,  // of Hebrew, Arabic, Thai
  sign,
  fraction,
  quote,   // a sign that stands at either end of a word
  joiner,  // a sign that stands within words: an apostrophe
  kind_count
};

Kind kind_of(char32_t character);

using NeighbourTable =
    std::array<std::array<std::array<float, kind_count>, kind_count>, kind_count>;

// misplacement[a][b][c]: how unlikely, in nats, it is in text that c follows a and b; below 0 for what is likelier than
// by chance. 0 where all are ASCII, on which all encodings agree.
extern const NeighbourTable misplacement;

}  // namespace crawler

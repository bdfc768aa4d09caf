#include "tools/crawler/charset/neighbours.hpp"

#include <string_view>

#include "tools/crawler/charset/characters.hpp"

namespace crawler {

namespace {

constexpr bool is_high(Kind kind) {
  return kind >= latin_vowel;
}
constexpr bool is_small(Kind kind) {
  return kind == ascii_vowel || kind == ascii_consonant || kind == latin_vowel ||
         kind == latin_consonant || kind == other_small;
}
constexpr bool is_capital(Kind kind) {
  return kind == ascii_capital || kind == latin_capital || kind == other_capital;
}
constexpr bool is_vowel(Kind kind) {
  return kind == ascii_vowel || kind == latin_vowel;
}
constexpr bool is_consonant(Kind kind) {
  return kind == ascii_consonant || kind == latin_consonant;
}

enum class Script : std::uint8_t { none, latin, other, uncased };

constexpr Script script(Kind kind) {
  if (kind >= ascii_vowel && kind <= accent) return Script::latin;
  if (kind == other_small || kind == other_capital) return Script::other;
  return kind == uncased ? Script::uncased : Script::none;
}
constexpr bool is_word(Kind kind) {
  return script(kind) != Script::none;
}

// Two letters, of which one at least is beyond ASCII, in a word.
constexpr float within_word(Kind before, Kind middle, Kind last) {
  float sum = 0;
  if (script(middle) != script(last)) sum += 5;
  if (is_small(middle) && is_capital(last)) sum += 6;
  if (is_capital(middle) && is_capital(last)) sum += 0.1F;
  if (is_capital(before) && is_capital(middle) && is_small(last)) sum += 4;
  // Vowels and consonants take turns: of four vowels beyond ASCII, three have a consonant before them and
  // three have one behind, in the sample that the languages' letters were counted in.
  bool is_turn =
      (is_vowel(middle) && is_consonant(last)) || (is_consonant(middle) && is_vowel(last));
  bool is_row =
      (is_vowel(middle) && is_vowel(last)) || (is_consonant(middle) && is_consonant(last));
  if (is_turn) sum -= 0.4F;
  if (is_row) sum += 1;
  return sum;
}

// One letter that is a word of its own: à, o. In Cyrillic that is common, but for capitals.
constexpr float alone(Kind letter) {
  if (letter == latin_consonant) return 4;
  if (letter == latin_vowel || letter == latin_capital || letter == uncased) return 2;
  return letter == other_capital ? 1 : 0;
}

// The numbers are estimates, and were settled by trying them on texts of all the languages.
constexpr float misplaced(Kind first, Kind middle, Kind last) {
  if (!is_high(first) && !is_high(middle) && !is_high(last)) return 0;
  float sum = 0;
  if (is_high(middle) || is_high(last)) {  // or the two were the last before
    if (is_word(middle) && is_word(last)) sum += within_word(first, middle, last);
    if (middle == digit && is_word(last)) sum += 1.5F;
    if (is_word(middle) && last == digit) sum += 1.5F;
    if (middle == fraction && is_word(last)) sum += 2;
    if (is_word(middle) && last == fraction) sum += 2;
  }
  if (!is_word(middle)) {
    if (is_high(last) && is_capital(last)) sum += 1;  // most words begin with a small letter
    if (last == joiner) sum += 2;
  }
  if (last == accent && script(middle) != Script::latin) sum += 4;
  if (!is_word(first) && is_word(middle) && !is_word(last)) sum += alone(middle);
  if (middle == sign || middle == quote) {
    if (is_word(first) && is_word(last)) sum += 3;
    if (middle == sign && !is_word(first) && is_word(last)) sum += 1;
    // Only beside Latin: a Cyrillic letter taken for a quote is at the end of a word too.
    bool is_at_end = is_word(first) != is_word(last);
    bool is_latin = script(first) == Script::latin || script(last) == Script::latin;
    if (middle == quote && is_at_end && is_latin) sum -= 1;
  }
  // A word in one script beside a word in another.
  bool is_gap = middle == outside && is_word(first) && is_word(last);
  if (is_gap && script(first) != script(last)) sum += 2;
  return sum;
}

constexpr NeighbourTable make_table() {
  NeighbourTable table{};
  for (unsigned first = 0; first < kind_count; ++first) {
    for (unsigned middle = 0; middle < kind_count; ++middle) {
      for (unsigned last = 0; last < kind_count; ++last) {
        table[first][middle][last] =
            misplaced(static_cast<Kind>(first), static_cast<Kind>(middle), static_cast<Kind>(last));
      }
    }
  }
  return table;
}

Kind kind_of_ascii(char32_t c) {
  if (c >= U'0' && c <= U'9') return digit;
  if (c >= U'A' && c <= U'Z') return ascii_capital;
  if (c < U'a' || c > U'z') return outside;
  static constexpr std::u32string_view vowels = U"aeiouy";
  return vowels.find(c) != std::u32string_view::npos ? ascii_vowel : ascii_consonant;
}

Kind kind_of_letter(char32_t point) {
  if (is_accent(point)) return accent;
  if (point >= 0x590) return uncased;
  bool is_lower = lower_case(point) == point && point != U'İ';
  if (point >= 0x370) return is_lower ? other_small : other_capital;
  if (!is_lower) return latin_capital;
  return is_latin_vowel(point) ? latin_vowel : latin_consonant;
}

}  // namespace

constinit const NeighbourTable misplacement = make_table();

Kind kind_of(char32_t point) {
  static constexpr std::u32string_view quotes = U"«»“”„‘‚‹›¿¡";
  static constexpr std::u32string_view joiners = U"’·־׳״\u00AD\u200C\u200D";
  if (point < 0x80) return kind_of_ascii(point);
  if (point == U'\u00A0') return outside;
  if (point == U'½' || point == U'¼' || point == U'¾') return fraction;
  if (is_letter(point)) return kind_of_letter(point);
  if (quotes.find(point) != std::u32string_view::npos) return quote;
  return joiners.find(point) != std::u32string_view::npos ? joiner : sign;
}

}  // namespace crawler

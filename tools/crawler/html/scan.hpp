// Finding the next byte that matters, sixteen at a time where SSE2 is at hand.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace crawler::html {

inline constexpr bool is_letter(char c) {
  return static_cast<unsigned char>((c | 0x20) - 'a') < 26;
}
inline constexpr bool is_digit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}
inline constexpr bool is_alphanumeric(char c) {
  return is_letter(c) || is_digit(c);
}
inline constexpr char to_lower(char c) {
  return static_cast<unsigned char>(c - 'A') < 26 ? static_cast<char>(c | 0x20) : c;
}
// A carriage return never reaches the states: Tokenizer::feed has made it a line feed.
inline constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\f';
}

// Which bytes end a name, by table: names are short, and read byte by byte.
enum NameEnd : std::uint8_t { ends_tag_name = 1, ends_attribute_name = 2 };

inline constexpr auto name_ends = [] {
  std::array<std::uint8_t, 256> ends{};
  for (char c : {' ', '\n', '\t', '\f', '/', '>'}) {
    ends[static_cast<unsigned char>(c)] = ends_tag_name | ends_attribute_name;
  }
  ends[static_cast<unsigned char>('=')] = ends_attribute_name;
  return ends;
}();
inline constexpr bool ends_name(char c, NameEnd kind) {
  return (name_ends[static_cast<unsigned char>(c)] & kind) != 0;
}

#ifdef __SSE2__
template <char first, char... rest>
inline __m128i equal_to_any(__m128i block) {
  __m128i hits = _mm_cmpeq_epi8(block, _mm_set1_epi8(first));
  if constexpr (sizeof...(rest) > 0) hits = _mm_or_si128(hits, equal_to_any<rest...>(block));
  return hits;
}

// What a name is not made of as it stands: capital letters, and bytes up to 0x0F as NUL is one.
inline __m128i not_plain(__m128i block) {
  // Adding moves A..Z to the lowest values there are, so that one comparison finds them.
  __m128i shifted = _mm_add_epi8(block, _mm_set1_epi8(static_cast<char>(0x80 - 'A')));
  __m128i capital = _mm_cmplt_epi8(shifted, _mm_set1_epi8(static_cast<char>(-128 + 26)));
  __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x0F)), block);
  return _mm_or_si128(capital, low);
}
#endif

// The first of the wanted bytes in [p, end), or end.
template <char... wanted>
inline const char* find_any(const char* p, const char* end) {
#ifdef __SSE2__
  while (end - p >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    auto hits = static_cast<unsigned>(_mm_movemask_epi8(equal_to_any<wanted...>(block)));
    if (hits != 0) return p + std::countr_zero(hits);
    p += 16;
  }
#endif
  while (p != end && ((*p != wanted) && ...)) ++p;
  return p;
}

}  // namespace crawler::html

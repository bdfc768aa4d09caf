#include "tools/crawler/charset/utf8.hpp"

#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>

#include <bit>
#endif

namespace crawler {

namespace {

bool is_trail(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

// How long the character is that a lead byte promises, 0 if none begins so.
std::size_t promised_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// The second byte is where overlong forms, surrogates and what is too large show.
bool may_follow(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return is_trail(second);
  }
}

const unsigned char* skip_ascii(const unsigned char* p, const unsigned char* end) {
#ifdef __SSE2__
  while (end - p >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    auto high = static_cast<unsigned>(_mm_movemask_epi8(block));
    if (high != 0) return p + std::countr_zero(high);
    p += 16;
  }
#endif
  while (p != end && *p < 0x80) ++p;
  return p;
}

// The length of the character beyond ASCII that begins at p, 0 if there is none.
std::size_t valid_length(const unsigned char* p, const unsigned char* end) {
  std::size_t length = promised_length(*p);
  if (length == 0 || static_cast<std::size_t>(end - p) < length) return 0;
  if (!may_follow(p[0], p[1])) return 0;
  if (length > 2 && !is_trail(p[2])) return 0;
  if (length > 3 && !is_trail(p[3])) return 0;
  return length;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view bytes) {
  const auto* begin = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char* end = begin + bytes.size();
  const unsigned char* p = skip_ascii(begin, end);
  while (p != end) {
    std::size_t length = valid_length(p, end);
    if (length == 0) break;
    p += length;
    if (p != end && *p < 0x80) p = skip_ascii(p, end);
  }
  return static_cast<std::size_t>(p - begin);
}

std::size_t invalid_utf8_length(std::string_view bytes) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  std::size_t length = promised_length(at(0));
  if (length < 2 || bytes.size() < 2 || !may_follow(at(0), at(1))) return 1;
  if (length < 3 || bytes.size() < 3 || !is_trail(at(2))) return 2;
  // Four bytes of which the last is wrong or missing; were all right, they would be valid.
  return 3;
}

}  // namespace crawler

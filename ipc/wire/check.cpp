#include "ipc/wire/check.hpp"

#include <bit>
#include <cstring>

namespace ipc::wire {
namespace {

std::uint64_t word_at(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Reversible in `sum` for each word and in `word` for each sum, because the factor is odd: two
// inputs that differ in one word never come to the same sum. A product's bits depend on the lower
// ones of its factors only, so it is turned: else what differs in the highest bits would stay
// there, and two such differences, of all signs in a field of numbers for example, would cancel.
std::uint64_t add(std::uint64_t sum, std::uint64_t word) {
  return std::rotl((sum ^ word) * 0x9e3779b97f4a7c15u, 29);
}

}  // namespace

std::uint64_t check_of(std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t sum = 0xd6e8feb86659fd93u ^ bytes.size();
  if (left >= 32) {
    // Four sums side by side: a multiplication takes three cycles, but one can begin in each.
    std::uint64_t sums[4] = {sum, 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu, 0x8ebc6af09c88c6e3u};
    for (; left >= 32; at += 32, left -= 32)
      for (int i = 0; i < 4; ++i) sums[i] = add(sums[i], word_at(at + 8 * i));
    // Each turned differently, for the same reason.
    sum = add(sums[0] ^ std::rotl(sums[1], 17), std::rotl(sums[2], 34) ^ std::rotl(sums[3], 51));
  }
  for (; left >= 8; at += 8, left -= 8) sum = add(sum, word_at(at));
  if (left != 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, left);
    sum = add(sum, word);
  }
  return sum ^ sum >> 32;  // so that half of it will do
}

}  // namespace ipc::wire

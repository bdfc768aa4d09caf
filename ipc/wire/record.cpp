#include "ipc/wire/record.hpp"

#include <cstring>

namespace ipc::wire {
namespace {

// Against chance, not against forgers. The odd constants have about half of their bits set, as
// multiplicative hashing wants them; zeros do not hash to zero, so a hole in a file is no record.
std::uint32_t check_of(const RecordHeader& header) {
  std::uint64_t hash =
      ((std::uint64_t{header.sender} << 32 | header.message) ^ 0x9e3779b97f4a7c15u) *
      0xd6e8feb86659fd93u;
  hash ^= hash >> 32;
  hash = (hash ^ header.length) * 0xa0761d6478bd642fu;
  return static_cast<std::uint32_t>(hash >> 32 ^ hash);
}

}  // namespace

std::array<std::byte, kRecordHeader> encode(const RecordHeader& header) {
  const std::uint32_t words[] = {check_of(header), header.sender, header.message, header.length};
  std::array<std::byte, kRecordHeader> out;
  static_assert(sizeof words == kRecordHeader);
  std::memcpy(out.data(), words, sizeof words);
  return out;
}

std::optional<RecordHeader> decode_record(std::span<const std::byte> bytes) {
  if (bytes.size() < kRecordHeader) return std::nullopt;
  std::uint32_t words[4];
  std::memcpy(words, bytes.data(), sizeof words);
  const RecordHeader header{words[1], words[2], words[3]};
  if (words[0] != check_of(header)) return std::nullopt;
  return header;
}

}  // namespace ipc::wire

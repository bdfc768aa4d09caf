#include "ipc/wire/numbered.hpp"

#include <array>

#include "ipc/wire/check.hpp"

namespace ipc::wire {
namespace {

struct Header {
  std::uint32_t first_word;
  std::uint32_t sender;
  std::uint32_t message;
  std::uint32_t bytes_check;
  std::uint64_t header_check;
};
static_assert(sizeof(Header) == kRecordHeader + kNumberedHeader);

std::uint64_t check_of_header(const Header& header, std::uint64_t position) {
  std::array<std::uint64_t, 3> words{0, 0, position};
  std::memcpy(words.data(), &header, offsetof(Header, header_check));
  return check_of(std::as_bytes(std::span(words)));
}

std::uint32_t check_of_bytes(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(check_of(bytes));
}

}  // namespace

void number(std::byte* room, std::uint64_t position, std::uint32_t sender, std::uint32_t message,
            std::size_t size) {
  Header header{first_word(kNumberedHeader + size, kNumbered), sender, message,
                check_of_bytes({room + kNumberedHeader, size}), 0};
  header.header_check = check_of_header(header, position);
  // The ring writes its own eight bytes.
  std::memcpy(room, &header.message, kNumberedHeader);
}

std::size_t checked_record(const std::byte* at, std::uint64_t most, std::uint64_t position) {
  Header header{};
  if (most < sizeof header) return 0;
  std::memcpy(&header, at, sizeof header);
  const std::size_t length = header.first_word & kLongestRecord;
  if (header.first_word >> 28 != kNumbered || length < kNumberedHeader ||
      record_size(length) > most || header.header_check != check_of_header(header, position))
    return 0;
  const std::span bytes(at + sizeof header, length - kNumberedHeader);
  return header.bytes_check == check_of_bytes(bytes) ? record_size(length) : 0;
}

}  // namespace ipc::wire

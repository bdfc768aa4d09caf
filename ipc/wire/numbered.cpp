#include "ipc/wire/numbered.hpp"

#include <array>

#include "ipc/wire/check.hpp"

namespace ipc::wire {
namespace {

struct Header {
  RecordHeader ring;
  std::uint32_t message;
  std::uint32_t bytes_check;
  std::uint64_t header_check;
};
static_assert(sizeof(Header) == kRecordHeader + preface_size(RecordType::numbered));

std::uint64_t check_of_header(const Header& header, std::uint64_t position) {
  std::array<std::uint64_t, 3> words{0, 0, position};
  std::memcpy(words.data(), &header, offsetof(Header, header_check));
  return check_of(std::as_bytes(std::span(words)));
}

std::uint32_t check_of_bytes(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(check_of(bytes));
}

}  // namespace

void number(const Producer<>& producer, std::uint32_t sender, std::uint32_t message,
            std::size_t size) {
  const RecordHeader ring = producer.header(sender, size);
  Header header{ring, message, check_of_bytes({producer.record() + ring.begin(), size}), 0};
  header.header_check = check_of_header(header, producer.position());
  // The ring writes its own eight bytes.
  std::memcpy(producer.preface(), &header.message, preface_size(RecordType::numbered));
}

std::size_t checked_record(const std::byte* at, std::uint64_t most, std::uint64_t position) {
  Header header{};
  if (most < kLine) return 0;
  std::memcpy(&header, at, sizeof header);
  if (header.ring.type() != RecordType::numbered || header.ring.size() > most ||
      header.header_check != check_of_header(header, position))
    return 0;
  const std::span bytes(at + header.ring.begin(), header.ring.length());
  return header.bytes_check == check_of_bytes(bytes) ? header.ring.size() : 0;
}

}  // namespace ipc::wire

// The record: how a message lies in a log.
//
//   offset  bytes
//        0      4  check    of the 12 bytes that follow; makes other bytes no record
//        4      4  sender   the number of the connection
//        8      4  message  which of that sender's messages it is, from 1 on
//       12      4  length   of the message in bytes
//       16         the bytes, then a gap up to the next multiple of 8
//
// Unlike a frame (wire/frame.hpp) a record has a whole message, however long: what is not committed
// yet is not looked at, so nothing has to go in whole. In the machine's own byte order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ipc::wire {

inline constexpr std::size_t kRecordHeader = 16;

struct RecordHeader {
  std::uint32_t sender = 0;
  std::uint32_t message = 0;
  std::uint32_t length = 0;

  /// Bytes from this record to the next.
  std::uint64_t span() const { return (kRecordHeader + std::uint64_t{length} + 7) / 8 * 8; }
};

std::array<std::byte, kRecordHeader> encode(const RecordHeader& header);
/// The header at the front of `bytes`; empty if there is none that checks.
std::optional<RecordHeader> decode_record(std::span<const std::byte> bytes);

}  // namespace ipc::wire

// The numbered record: how a message lies in a lane that outlives its sender and its receiver.
//
// A lane in shared memory dies with the machine, so the ring's own header is enough there. A lane
// in a file is met again after a power cut, when each page of it is as new or as old as the kernel
// had come to write it. So each message says of itself that it is whole, and which one it is:
//
//   offset  bytes
//        0      8  the ring's header (wire/ring.hpp), type `numbered`
//        8      4  message: which of its sender's, from 1 on
//       12      4  check of the message's bytes
//       16      8  check of the 16 bytes before and of the position in the lane
//       24 or 64   the message's bytes, padding to 64
//
// The position is part of the check because a lane is a ring: what lies there from its last time
// round is a record too, whole in itself, but not this one. Nobody computes a check to receive;
// they are looked at by the first one to come after a reboot (lanes/durable.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ipc/wire/ring.hpp"

namespace ipc::wire {

/// Fills in the preface of what `producer` has reserved; the message's `size` bytes are there already.
void number(const Producer<>& producer, std::uint32_t sender, std::uint32_t message,
            std::size_t size);

struct Numbered {
  std::uint32_t message = 0;
  std::span<const std::byte> bytes{};
};
/// The message in a record of that type. Nothing is checked.
inline Numbered numbered(const Record& record) {
  Numbered out{0, record.bytes};
  std::memcpy(&out.message, record.preface, sizeof out.message);
  return out;
}

/// The bytes from one record to the next if a numbered record that checks begins at `at`, else 0.
/// `most` bytes may be read there; `position` is where in the lane that is.
std::size_t checked_record(const std::byte* at, std::uint64_t most, std::uint64_t position);

}  // namespace ipc::wire

// A segment of lanes that outlives those who use it: how it is made, when it is empty, and what is
// done with it after a reboot.
//
// SIGKILL, at any instruction, leaves a lane as it must be: a message is published by one store,
// and the kernel keeps what was stored. A power cut does not. Of each page the disk has some
// version or other; only what somebody flushed (Options::sync) is certain, and that in the order in
// which it was flushed: the record before the head that makes it count. So the first one who comes
// after a reboot, alone under the lease's take-over byte, goes through each lane from tail to head
// and keeps those records that check (wire/numbered.hpp). Bytes between them become one record that
// is passed by; behind the last there is the new head. Whatever was sent with sync is among the
// records kept; of the rest those that the disk happens to have whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ipc/lanes/segment.hpp"
#include "ipc/sys/durable_lease.hpp"
#include "ipc/transport.hpp"

namespace ipc::lanes {

/// Bytes that may wait unread in a lane of that size. Beyond them there is place for the longest
/// message, and for what is consumed but not yet given back to the file system: so nobody ever
/// writes where room is just being taken away.
constexpr std::size_t most_capacity(std::size_t lane_size) {
  return lane_size - 2 * kMaxMessage;
}
inline constexpr std::size_t kMostCapacity = std::size_t{1} << 30;
/// What a durable lane holds unless Options::capacity says otherwise.
inline constexpr std::size_t kUsualCapacity = std::size_t{64} << 20;

/// The segment as its lease knows it (sys/durable_lease.hpp): how it is made with so many lanes for
/// `capacity` unread bytes each, and so on.
sys::DurableObject durable_object(std::uint32_t lanes, std::size_t capacity);

/// Puts what is unread in the lane, and then the control part of the segment, on the disk.
void flush_lane(const MappedLane& memory, const wire::Lane& lane, const Segment& segment);

/// What was found in a lane: only for the sizes of the gaps is it more than a new head.
struct Mended {
  std::uint64_t head = 0;
  std::uint64_t dropped = 0;  ///< Bytes that were no records.
};
/// Goes through the positions from `tail` to `head` of a lane of `size` bytes that is mapped twice
/// in a row at `memory`, and fills the gaps between records that check. Nobody else uses it
/// meanwhile.
Mended mend_lane(std::byte* memory, std::size_t size, std::uint64_t tail, std::uint64_t head);

}  // namespace ipc::lanes

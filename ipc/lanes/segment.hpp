// The memory that `shm` and `mmap` share: one lane for each sender, and what wakes the receiver.
//
//        0   SegmentHeader         the bell, the receiver's cpu, which lanes have ever been used
//     4096   wire::Lane[lanes]     heads and tails
//      ...   lane 0, lane 1, ...   lane_size bytes each, on page boundaries
//
// Lane i belongs to whoever holds slot i of the lease.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ipc/sys/lock.hpp"
#include "ipc/wire/ring.hpp"

namespace ipc::lanes {

/// What the bell says of the receiver. A sender that finds it asleep sets `awake` and wakes it.
enum class Sleep : std::uint32_t { awake, in_futex, in_poll };

/// Written once, before anybody else can see it.
struct Layout {
  char magic[8];
  std::uint32_t version;
  std::uint32_t lanes;
  std::uint64_t lane_size;
};

struct SegmentHeader {
  Layout layout;
  alignas(64) std::atomic<std::uint32_t> bell;          ///< A Sleep; also the futex word.
  std::atomic<std::uint32_t> nudges;                    ///< Counts senders that came or left.
  alignas(64) std::atomic<std::uint32_t> receiver_cpu;  ///< Where it last ran, plus 1; 0 unknown.
  alignas(64) std::atomic<std::uint64_t> used[64];  ///< One bit per lane that ever had a sender.
};
static_assert(sizeof(SegmentHeader) <= 4096);

inline constexpr std::size_t kLeastLane = std::size_t{64} << 10;
inline constexpr std::size_t kMostLane = std::size_t{1} << 30;

/// Messages of at most this many bytes are built and read where they lie; longer ones are copied
/// together from several records. A quarter of a lane, so that a full lane is never one message.
inline std::size_t in_place_max(std::size_t lane_size) {
  return lane_size / 4 - wire::kRecordHeader;
}

/// The control part of a segment, mapped. Lanes are mapped one by one, by those who use them.
class Segment {
 public:
  /// Lays a new segment out in the empty file `fd`. `capacity` is rounded up to a power of two.
  /// Throws Trouble::limit, naming the file system, if there is no room.
  static Segment create(int fd, std::uint32_t lanes, std::size_t capacity,
                        const std::string& object);
  /// Maps an existing one; throws Trouble::corrupt if it is none, or is shorter than it says.
  static Segment open(int fd, const std::string& object);

  SegmentHeader& header() const { return *static_cast<SegmentHeader*>(mapping_.data()); }
  wire::Lane& lane(std::uint32_t index) const;
  std::size_t lane_size() const { return lane_size_; }
  std::uint32_t lanes() const { return lanes_; }
  off_t lane_offset(std::uint32_t index) const;

 private:
  Segment(int fd, std::uint32_t lanes, std::size_t lane_size);
  std::uint32_t lanes_;
  std::size_t lane_size_;
  sys::Mapping mapping_;
};

/// Backs `size` bytes of the file from `offset` on with memory, so that no later touch can be a
/// SIGBUS; throws Trouble::limit, naming the file system and what is free in it.
void allocate(int fd, off_t offset, std::size_t size, const std::string& object);

}  // namespace ipc::lanes

// The memory that `shm` and `mmap` share: one lane for each sender, and what wakes the receiver.
//
//        0   SegmentHeader         the bell, the receiver's cpu, which lanes have ever been used
//     4096   wire::Lane[lanes]     heads and tails
//    1 MiB   lane 0, lane 1, ...   lane_size bytes each; later if there are more than 4080 lanes
//
// Lane i belongs to whoever holds slot i of the lease. The file has its full length from the
// beginning and keeps it; room in memory or on the disk is taken lane by lane (lanes/backing.hpp).
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ipc/sys/lock.hpp"
#include "ipc/sys/ring_memory.hpp"
#include "ipc/sys/sigbus.hpp"
#include "ipc/wire/ring.hpp"

namespace ipc::lanes {

/// What the bell says of the receiver. A sender that finds it asleep sets `awake` and wakes it.
enum class Sleep : std::uint32_t { awake, in_futex, in_poll };

/// Written once, before anybody else can see it; only `boot` is written anew by who comes first
/// after a reboot.
struct Layout {
  char magic[8];
  std::uint32_t version;
  std::uint32_t lanes;
  std::uint64_t lane_size;
  char boot[40];  ///< In which boot of the machine it was last used (sys/boot.hpp); "" in memory.
};

struct SegmentHeader {
  Layout layout;
  alignas(64) std::atomic<std::uint32_t> bell;          ///< A Sleep; also the futex word.
  std::atomic<std::uint32_t> nudges;                    ///< Counts senders that came or left.
  alignas(64) std::atomic<std::uint32_t> receiver_cpu;  ///< Where it last ran, plus 1; 0 unknown.
  alignas(64) std::atomic<std::uint64_t> used[64];  ///< One bit per lane that ever had a sender.
};
static_assert(sizeof(Layout) == 64 && sizeof(SegmentHeader) <= 4096);

inline constexpr std::size_t kLeastLane = std::size_t{64} << 10;
inline constexpr std::size_t kMostLane = std::size_t{2} << 30;

/// In memory, messages of at most this many bytes are built and read where they lie; longer ones
/// are copied together from several records. A quarter of a lane, so that a full lane is never one
/// message.
inline std::size_t in_place_max(std::size_t lane_size) {
  return wire::most_bytes(lane_size / 4);
}

/// A lane, mapped twice in a row and guarded as the segment is.
struct MappedLane {
  sys::RingMemory memory;
  sys::SigbusGuard guard;

  std::byte* data() const { return memory.data(); }
};

/// Bytes of the control part.
std::size_t control_size(std::uint32_t lanes);
/// Where in the file the first lane begins. On a boundary that the kernel's large pages keep to: a
/// piece that is cut off at such a boundary is never the half of one, which could not be given
/// back.
std::size_t lanes_begin(std::uint32_t lanes);
inline constexpr std::size_t kBoundary = std::size_t{1} << 20;

/// The control part of a segment, mapped. Lanes are mapped one by one, by those who use them. One
/// thread at a time.
class Segment {
 public:
  /// Lays a new segment out in the empty file `fd`; `lane_size` is a power of two. Throws
  /// Trouble::limit, naming the file system, if there is no room. `boot` is what Layout::boot says.
  static Segment create(int fd, std::uint32_t lanes, std::size_t lane_size,
                        const std::string& object, const std::string& boot = {});
  /// Maps an existing one; throws Trouble::corrupt if it is none, or is shorter than it says.
  static Segment open(int fd, const std::string& object);
  /// What it says of itself, checked in the same way.
  static Layout layout_of(int fd, const std::string& object);

  SegmentHeader& header() const { return *static_cast<SegmentHeader*>(mapping_.data()); }
  wire::Lane& lane(std::uint32_t index) const;
  std::size_t lane_size() const { return lane_size_; }
  std::uint32_t lanes() const { return lanes_; }
  off_t lane_offset(std::uint32_t index) const;
  const std::string& object() const { return object_; }

  MappedLane map_lane(int fd, std::uint32_t index, const char* why) const;

  /// Throws Trouble::corrupt if a page of the control part or of a lane was lost since it was
  /// mapped: somebody truncated the file, or its disk fails. What was read before this is to be
  /// believed only afterwards, what was written is only then there.
  void check() const {
    if (lost_->load(std::memory_order_relaxed)) [[unlikely]]
      complain();
  }
  /// The same, and whether it still says of itself what it is: it may have been truncated and made
  /// long again. For moments that are rare.
  void look() const {
    if (header().layout.lanes != lanes_) [[unlikely]]
      complain();
    check();
  }
  /// Throws Trouble::corrupt if its file, open as `fd`, is not as long as it was or, if it had a link
  /// to its name, was removed.
  void check_file(int fd, bool was_linked) const;

 private:
  Segment(int fd, const Layout& layout, const std::string& object);
  std::uint64_t length() const { return lanes_begin(lanes_) + lanes_ * lane_size_; }
  [[noreturn]] void complain() const;

  std::uint32_t lanes_;
  std::size_t lane_size_;
  std::string object_;
  std::unique_ptr<std::atomic<bool>> lost_;  // where it is while the segment is moved
  sys::Mapping mapping_;
  sys::SigbusGuard guard_;
};

}  // namespace ipc::lanes

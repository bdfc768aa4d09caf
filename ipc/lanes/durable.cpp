#include "ipc/lanes/durable.hpp"

#include <fcntl.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include "ipc/sys/boot.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/wire/numbered.hpp"

namespace ipc::lanes {
namespace {

std::size_t lane_size_for(std::size_t capacity) {
  // Never less than for the usual capacity: the addresses cost nothing, and a later receiver may
  // want it.
  return std::bit_ceil(std::max(capacity, kUsualCapacity) + 2 * kMaxMessage);
}

void make(const std::string& path, mode_t mode, std::uint32_t lanes, std::size_t capacity) {
  const sys::Fd file(
      sys::open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600, "an empty segment")
          .check(path)
          .fd());
  (void)Segment::create(file.get(), lanes, lane_size_for(capacity), path, sys::boot_id());
  (void)sys::fchmod(file.get(), mode, "exactly this mode, whatever the umask").check(path);
}

sys::Fd open_object(const std::string& path) {
  return sys::Fd(
      sys::open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0, "the segment").check(path).fd());
}

// Not through a mapping: if the file is cut meanwhile, this is a short read and nothing else.
bool is_empty(const std::string& path) {
  const sys::Fd file = open_object(path);
  const Layout layout = Segment::layout_of(file.get(), path);
  std::vector<std::byte> control(control_size(layout.lanes));
  const auto got = sys::pread(file.get(), control, 0, "is anything unread?");
  if (got.check(path).count() != control.size())
    throw Error(Trouble::corrupt, EIO, "segment " + path + ": somebody truncated it");
  for (std::uint32_t i = 0; i < layout.lanes; ++i) {
    const std::byte* lane = control.data() + 4096 + i * sizeof(wire::Lane);
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::memcpy(&head, lane + offsetof(wire::Lane, head), sizeof head);
    std::memcpy(&tail, lane + offsetof(wire::Lane, tail), sizeof tail);
    if (head != tail) return false;
  }
  return true;
}

// Positions are at lines, and a head behind its tail, or a lap before it, is no head of that
// tail: each was written to the disk at another time. Then nothing of the lane can be told apart
// any more.
bool is_plausible(std::uint64_t tail, std::uint64_t head, std::size_t size) {
  return tail % wire::kLine == 0 && head % wire::kLine == 0 && tail <= head && head - tail <= size;
}

void skip(std::byte* memory, std::size_t size, std::uint64_t from, std::uint64_t to) {
  while (from < to) {
    const auto length =
        std::min<std::uint64_t>(to - from, wire::kLongestRecord / wire::kLine * wire::kLine) -
        wire::kRecordHeader;
    const auto header =
        wire::RecordHeader::of(0, wire::RecordType::skip, wire::kRecordHeader, length);
    std::memcpy(memory + (from & (size - 1)), &header, sizeof header);
    from += header.size();
  }
}

void mend(Segment& segment, int file, std::uint32_t index) {
  wire::Lane& lane = segment.lane(index);
  // Whoever slept or ran here did so before the reboot.
  lane.waiting.store(0, std::memory_order_relaxed);
  lane.cpu.store(0, std::memory_order_relaxed);
  const auto tail = lane.tail.load(std::memory_order_relaxed);
  const auto head = lane.head.load(std::memory_order_relaxed);
  if (tail == head) return;
  // The bit stands on another page than the lane.
  segment.header().used[index / 64].fetch_or(std::uint64_t{1} << (index % 64));
  auto known = (std::max(tail, head) + wire::kLine - 1) / wire::kLine * wire::kLine;
  if (is_plausible(tail, head, segment.lane_size())) {
    const MappedLane memory =
        segment.map_lane(file, index, "a lane, to see what the disk has of it");
    known = mend_lane(memory.data(), segment.lane_size(), tail, head).head;
  } else {
    lane.tail.store(known, std::memory_order_relaxed);
  }
  segment.check();
  lane.head.store(known, std::memory_order_relaxed);
}

void mend_after_reboot(const std::string& path) {
  const sys::Fd file = open_object(path);
  const auto now = sys::boot_id();
  const Layout layout = Segment::layout_of(file.get(), path);
  if (now.empty() || now == std::string(layout.boot, ::strnlen(layout.boot, sizeof layout.boot)))
    return;
  sys::remark("the machine was booted since this was last used: what has the disk kept of it?");
  Segment segment = Segment::open(file.get(), path);
  for (std::uint32_t i = 0; i < segment.lanes(); ++i) mend(segment, file.get(), i);
  auto& header = segment.header();
  header.bell.store(static_cast<std::uint32_t>(Sleep::awake), std::memory_order_relaxed);
  header.receiver_cpu.store(0, std::memory_order_relaxed);
  // Last: who is killed before begins anew.
  std::memset(header.layout.boot, 0, sizeof header.layout.boot);
  now.copy(header.layout.boot, sizeof header.layout.boot - 1);
  segment.check();
}

}  // namespace

sys::DurableObject durable_object(std::uint32_t lanes, std::size_t capacity) {
  return {
      .make = [lanes, capacity](const std::string& path,
                                mode_t mode) { make(path, mode, lanes, capacity); },
      .is_empty = [](const std::string& path, const sys::DurableState&) { return is_empty(path); },
      .mend = mend_after_reboot};
}

void flush_lane(const MappedLane& memory, const wire::Lane& lane, const Segment& segment) {
  const auto tail = lane.tail.load(std::memory_order_acquire);
  const auto head = lane.head.load(std::memory_order_acquire);
  if (head > tail)
    (void)sys::flush_mapping(memory.data() + (tail & (segment.lane_size() - 1)), head - tail,
                             "what is unread in our lane")
        .check(segment.object());
  (void)sys::flush_mapping(&segment.header(), control_size(segment.lanes()), "heads and tails")
      .check(segment.object());
}

Mended mend_lane(std::byte* memory, std::size_t size, std::uint64_t tail, std::uint64_t head) {
  Mended mended{tail, 0};
  auto position = tail;
  while (position < head) {
    const auto length =
        wire::checked_record(memory + (position & (size - 1)), head - position, position);
    if (length == 0) {
      position += wire::kLine;
      continue;
    }
    skip(memory, size, mended.head, position);
    mended.dropped += position - mended.head;
    position += length;
    mended.head = position;
  }
  mended.dropped += head - mended.head;
  return mended;
}

}  // namespace ipc::lanes

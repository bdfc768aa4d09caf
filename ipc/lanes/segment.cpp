#include "ipc/lanes/segment.hpp"

#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "ipc/lanes/backing.hpp"
#include "ipc/sys/file.hpp"

namespace ipc::lanes {
namespace {

constexpr char kMagic[8] = {'i', 'p', 'c', 'l', 'a', 'n', 'e', 's'};
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kPage = 4096;

Error corrupt(const std::string& object, const std::string& reason) {
  return {Trouble::corrupt, EINVAL, "segment " + object + ": " + reason};
}

Error cut(const std::string& object, off_t now, std::uint64_t before) {
  return corrupt(object, "is " + std::to_string(now) + " bytes long, not " +
                             std::to_string(before) + "; somebody truncated it");
}

std::uint64_t file_size(const Layout& layout) {
  return lanes_begin(layout.lanes) + layout.lanes * layout.lane_size;
}

}  // namespace

std::size_t control_size(std::uint32_t lanes) {
  return kPage + (lanes * sizeof(wire::Lane) + kPage - 1) / kPage * kPage;
}

std::size_t lanes_begin(std::uint32_t lanes) {
  return (control_size(lanes) + kBoundary - 1) / kBoundary * kBoundary;
}

Segment::Segment(int fd, const Layout& layout, const std::string& object)
    : lanes_(layout.lanes),
      lane_size_(layout.lane_size),
      object_(object),
      lost_(std::make_unique<std::atomic<bool>>(false)),
      mapping_(fd, control_size(lanes_), "heads, tails and the bell"),
      guard_(mapping_.data(), mapping_.size(), *lost_) {}

Segment Segment::create(int fd, std::uint32_t lanes, std::size_t lane_size,
                        const std::string& object, const std::string& boot) {
  Layout layout{};
  std::memcpy(layout.magic, kMagic, sizeof kMagic);
  layout.version = kVersion;
  layout.lanes = lanes;
  layout.lane_size = lane_size;
  boot.copy(layout.boot, sizeof layout.boot - 1);
  check_file_limit(file_size(layout), object);
  (void)sys::ftruncate(fd, static_cast<off_t>(file_size(layout)),
                       "addresses for every lane; room comes when one is used")
      .check(object);
  write_zeros(fd, 0, control_size(lanes), object);
  Segment segment(fd, layout, object);
  segment.header().layout = layout;
  segment.check();
  return segment;
}

Layout Segment::layout_of(int fd, const std::string& object) {
  struct stat about {};
  (void)sys::fstat(fd, about, "is it as long as it says?").check(object);
  Layout layout{};
  const auto got = sys::pread(fd, std::as_writable_bytes(std::span(&layout, 1)), 0,
                              "what does it say of itself?");
  if (got.check(object).count() != sizeof layout ||
      std::memcmp(layout.magic, kMagic, sizeof kMagic) != 0)
    throw corrupt(object, "is no segment of lanes, or was truncated");
  if (layout.version != kVersion)
    throw corrupt(object, "is of version " + std::to_string(layout.version) +
                              ", and this program knows version " + std::to_string(kVersion));
  if (layout.lanes == 0 || layout.lanes > 4096 || !std::has_single_bit(layout.lane_size) ||
      layout.lane_size < kLeastLane || layout.lane_size > kMostLane)
    throw corrupt(object, "is damaged");
  if (static_cast<std::uint64_t>(about.st_size) != file_size(layout))
    throw cut(object, about.st_size, file_size(layout));
  return layout;
}

Segment Segment::open(int fd, const std::string& object) {
  return {fd, layout_of(fd, object), object};
}

void Segment::check_file(int fd, bool was_linked) const {
  struct stat about {};
  (void)sys::fstat(fd, about, "is it as long as it was?").check(object_);
  if (static_cast<std::uint64_t>(about.st_size) != length())
    throw cut(object_, about.st_size, length());
  if (was_linked && about.st_nlink == 0) throw corrupt(object_, "somebody removed it");
}

void Segment::complain() const {
  struct stat about {};
  const bool known = sys::lstat(object_, about, "is it as long as it was?").ok();
  if (known && static_cast<std::uint64_t>(about.st_size) < length())
    throw cut(object_, about.st_size, length());
  throw corrupt(object_, "a page of it was lost; somebody truncated it, or its disk fails");
}

wire::Lane& Segment::lane(std::uint32_t index) const {
  return reinterpret_cast<wire::Lane*>(static_cast<std::byte*>(mapping_.data()) + kPage)[index];
}

off_t Segment::lane_offset(std::uint32_t index) const {
  return static_cast<off_t>(lanes_begin(lanes_) + index * lane_size_);
}

MappedLane Segment::map_lane(int fd, std::uint32_t index, const char* why) const {
  sys::RingMemory memory(fd, lane_offset(index), lane_size_, why);
  sys::SigbusGuard guard(memory.data(), 2 * memory.size(), *lost_);
  return {std::move(memory), std::move(guard)};
}

}  // namespace ipc::lanes

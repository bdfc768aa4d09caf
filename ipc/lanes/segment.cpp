#include "ipc/lanes/segment.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <bit>
#include <cstring>

#include "ipc/sys/file.hpp"

namespace ipc::lanes {
namespace {

constexpr char kMagic[8] = {'i', 'p', 'c', 'l', 'a', 'n', 'e', 's'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kPage = 4096;

std::size_t control_size(std::uint32_t lanes) {
  return kPage + (lanes * sizeof(wire::Lane) + kPage - 1) / kPage * kPage;
}

std::string free_room(int fd) {
  struct statvfs about {};
  if (::fstatvfs(fd, &about) != 0) return "unknown";
  return std::to_string(about.f_bavail * about.f_frsize / 1024) + " KiB";
}

}  // namespace

Segment::Segment(int fd, std::uint32_t lanes, std::size_t lane_size)
    : lanes_(lanes),
      lane_size_(lane_size),
      mapping_(fd, control_size(lanes), "heads, tails and the bell") {}

Segment Segment::create(int fd, std::uint32_t lanes, std::size_t capacity,
                        const std::string& object) {
  const std::size_t lane_size = std::bit_ceil(capacity);
  const auto size = static_cast<off_t>(control_size(lanes) + lanes * lane_size);
  (void)sys::ftruncate(fd, size, "addresses for every lane; memory comes when one is claimed")
      .check(object);
  allocate(fd, 0, control_size(lanes), object);
  Segment segment(fd, lanes, lane_size);
  Layout& layout = segment.header().layout;
  layout.version = kVersion;
  layout.lanes = lanes;
  layout.lane_size = lane_size;
  std::memcpy(layout.magic, kMagic, sizeof kMagic);
  return segment;
}

Segment Segment::open(int fd, const std::string& object) {
  const auto corrupt = [&](const char* reason) {
    return Error(Trouble::corrupt, EINVAL, "segment " + object + ": " + reason);
  };
  struct stat about {};
  (void)sys::fstat(fd, about, "is it as long as it says?").check(object);
  if (about.st_size < static_cast<off_t>(kPage)) throw corrupt("is no segment of lanes");
  Layout header;
  std::memcpy(&header, sys::Mapping(fd, kPage, "what does it say of itself?").data(),
              sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    throw corrupt("is no segment of lanes");
  if (header.version != kVersion) throw corrupt("is of another version");
  if (header.lanes == 0 || header.lanes > 4096 || !std::has_single_bit(header.lane_size) ||
      header.lane_size < kLeastLane || header.lane_size > kMostLane ||
      about.st_size !=
          static_cast<off_t>(control_size(header.lanes) + header.lanes * header.lane_size))
    throw corrupt("is damaged");
  return Segment(fd, header.lanes, header.lane_size);
}

wire::Lane& Segment::lane(std::uint32_t index) const {
  return reinterpret_cast<wire::Lane*>(static_cast<std::byte*>(mapping_.data()) + kPage)[index];
}

off_t Segment::lane_offset(std::uint32_t index) const {
  return static_cast<off_t>(control_size(lanes_) + index * lane_size_);
}

void allocate(int fd, off_t offset, std::size_t size, const std::string& object) {
  const auto result =
      sys::fallocate(fd, offset, size, "memory now, or an error now: never a SIGBUS later");
  if (result.error == ENOSPC || result.error == EDQUOT)
    throw Error(Trouble::limit, result.error,
                "segment " + object + ": needs " + std::to_string(size / 1024) +
                    " KiB more, and its file system has " + free_room(fd) +
                    " free (a container's /dev/shm: --shm-size)");
  result.check(object);
}

}  // namespace ipc::lanes

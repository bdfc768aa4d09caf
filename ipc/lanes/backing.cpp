#include "ipc/lanes/backing.hpp"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "ipc/sys/file.hpp"

namespace ipc::lanes {
namespace {

constexpr std::uint64_t kPage = 4096;
// The first piece is small, for senders of one message.
constexpr std::uint64_t kFirstPiece = std::uint64_t{64} << 10;
constexpr std::uint64_t kLongestPiece = std::uint64_t{1} << 20;

constexpr std::uint64_t page_ceiling(std::uint64_t position) {
  return (position + kPage - 1) / kPage * kPage;
}

// A range of positions is one range of the lane, or two if it runs over its end.
template <class Act>
void for_each_part(std::size_t size, std::uint64_t from, std::uint64_t to, Act act) {
  while (from < to) {
    const auto at = from & (size - 1);
    const auto length = std::min(to - from, size - at);
    act(at, length);
    from += length;
  }
}

std::string free_room(int fd) {
  struct statvfs about {};
  if (::fstatvfs(fd, &about) != 0) return "";
  return ", " + std::to_string(about.f_bavail * about.f_frsize) + " are free";
}

void check_room(const sys::Result& result, int fd, std::size_t size, const std::string& object) {
  if (result.error == ENOSPC || result.error == EDQUOT)
    throw Error(Trouble::limit, result.error,
                "segment " + object + ": no room for " + std::to_string(size) +
                    " more bytes in its file system" + free_room(fd) +
                    " (receive what is unread or make room; a container's /dev/shm: --shm-size)");
  result.check(object);
}

}  // namespace

void allocate(int fd, off_t offset, std::size_t size, const std::string& object) {
  check_room(sys::fallocate(fd, offset, size, "room now, or an error now: never a SIGBUS later"),
             fd, size, object);
}

void write_zeros(int fd, off_t offset, std::size_t size, const std::string& object) {
  static constexpr std::array<std::byte, kLongestPiece> zeros{};
  while (size > 0) {
    const auto result = sys::pwrite(fd, std::span(zeros).first(std::min(size, zeros.size())),
                                    offset, "room now, or an error now: never a SIGBUS later");
    check_room(result, fd, size, object);
    size -= result.count();
    offset += static_cast<off_t>(result.count());
  }
}

void check_file_limit(std::uint64_t size, const std::string& object) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur)
    throw Error(Trouble::limit, EFBIG,
                "segment " + object + ": is " + std::to_string(size) +
                    " bytes long, most of them never used, and RLIMIT_FSIZE is " +
                    std::to_string(limit.rlim_cur) + " (raise it with ulimit -f)");
}

Backing Backing::whole(const sys::Fd& file, off_t offset, std::size_t size,
                       const std::string& object) {
  allocate(file.get(), offset, size, object);
  Backing backing;
  backing.backed_ = std::numeric_limits<std::uint64_t>::max();
  return backing;
}

Backing Backing::piecewise(sys::Fd file, off_t offset, std::size_t size, std::string object,
                           std::uint64_t begin) {
  check_file_limit(static_cast<std::uint64_t>(offset) + size, object);
  Backing backing;
  backing.file_ = std::move(file);
  backing.offset_ = offset;
  backing.size_ = size;
  backing.object_ = std::move(object);
  backing.piece_ = kFirstPiece;
  backing.backed_ = begin;
  return backing;
}

void Backing::extend(std::uint64_t end) {
  const auto least = page_ceiling(end);
  try {
    back(least + piece_);
    piece_ = kLongestPiece;
  } catch (const Error& error) {
    if (error.trouble() != Trouble::limit) throw;
    back(least);  // the last pages of a disk are as good as others
  }
}

void Backing::back(std::uint64_t end) {
  for_each_part(size_, backed_, end, [&](std::uint64_t at, std::uint64_t length) {
    write_zeros(file_.get(), offset_ + static_cast<off_t>(at), length, object_);
  });
  backed_ = end;
}

void punch(int fd, off_t offset, std::size_t size, std::uint64_t from, std::uint64_t to) {
  for_each_part(size, from, to, [&](std::uint64_t at, std::uint64_t length) {
    // Not every file system can; then the next time round uses the same room again.
    (void)sys::punch_hole(fd, offset + static_cast<off_t>(at), static_cast<off_t>(length),
                          "consumed: gives its room back");
  });
}

}  // namespace ipc::lanes

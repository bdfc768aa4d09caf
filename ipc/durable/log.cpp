#include "ipc/durable/log.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "ipc/sys/file.hpp"

namespace ipc::durable {

Log::Log(const std::string& path)
    : path_(path),
      file_(sys::open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0, "the log").check(path).fd()) {}

void Log::make(const std::string& path, mode_t mode) {
  const sys::Fd file(
      sys::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600, "an empty log")
          .check(path)
          .fd());
  (void)sys::fchmod(file.get(), mode, "exactly this mode, whatever the umask").check(path);
  const Front front;
  std::array<std::byte, kLogStart> page{};  // in full, so that its room is there from now on
  std::memcpy(page.data(), &front, sizeof front);
  if (sys::pwrite(file.get(), page, 0, "nothing is committed").check(path).count() != page.size())
    throw Error("pwrite", path, ENOSPC);
}

bool Log::is_empty(const std::string& path, const sys::DurableState& state) {
  return Log(path).front().committed <= state.position.load(std::memory_order_relaxed);
}

Front Log::front() const {
  Front front;
  read(0, std::as_writable_bytes(std::span(&front, 1)), "how much is committed?");
  if (std::memcmp(front.magic, Front().magic, sizeof front.magic) != 0 ||
      front.version != Front().version || front.committed < front.base)
    throw Error(Trouble::corrupt, EINVAL, "file " + path_ + ": is damaged, or no log of ours");
  return front;
}

void Log::read(off_t offset, std::span<std::byte> room, const char* why) const {
  while (!room.empty()) {
    const auto got = sys::pread(fd(), room, offset, why).check(path_).count();
    if (got == 0) truncated();
    room = room.subspan(got);
    offset += static_cast<off_t>(got);
  }
}

void Log::append(Bytes header, Bytes message, const Front& front, std::size_t size, bool sync) {
  const off_t offset = front.offset_of(front.committed);
  check_file_limit(offset + static_cast<off_t>(size));
  write_all(header, message, size, offset);
  if (sync) (void)sys::fdatasync(fd(), "the record, before it counts").check(path_);
  commit(offsetof(Front, committed), front.committed + size, "now it counts");
  if (sync) (void)sys::fdatasync(fd(), "and that it counts").check(path_);
}

void Log::rewind(Front& front) {
  commit(offsetof(Front, base), front.committed, "all is read: begin at the beginning");
  front.base = front.committed;
  // If that fails the space comes back with the next one.
  (void)sys::ftruncate(fd(), static_cast<off_t>(kLogStart), "gives the space back");
}

bool Log::is_intact(const Front& front) const {
  struct stat about {};
  (void)sys::fstat(fd(), about, "as long as it says, and still in its directory?").check(path_);
  if (about.st_size < front.offset_of(front.committed)) truncated();
  return about.st_nlink != 0;
}

void Log::write_all(Bytes header, Bytes message, std::size_t size, off_t offset) {
  static constexpr std::array<std::byte, 8> gap{};
  for (std::size_t done = 0; done < size;) {
    const auto in_message = done - std::min(done, header.size());
    const std::array parts{
        sys::part(header.subspan(std::min(done, header.size()))),
        sys::part(message.subspan(std::min(in_message, message.size()))),
        sys::part(Bytes(gap).first(std::min(size - done, size - header.size() - message.size())))};
    const auto written = sys::pwritev(fd(), parts, offset + static_cast<off_t>(done),
                                      "beyond what counts: nobody looks there yet");
    if (!written.ok()) {
      (void)sys::ftruncate(fd(), offset, "what did not fit must not stay");
      refuse(written.error, size);
    }
    done += written.count();
  }
}

void Log::commit(std::size_t field, std::uint64_t value, const char* why) {
  (void)sys::pwrite(fd(), std::as_bytes(std::span(&value, 1)), static_cast<off_t>(field), why)
      .check(path_);
}

// A write beyond `ulimit -f` does not only fail: SIGXFSZ ends the process, setrlimit(2).
void Log::check_file_limit(off_t end) const {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && static_cast<rlim_t>(end) > limit.rlim_cur)
    throw Error(Trouble::limit, EFBIG,
                "write " + path_ + ": would be " + std::to_string(end) +
                    " bytes long, and RLIMIT_FSIZE is " + std::to_string(limit.rlim_cur) +
                    " (raise it with ulimit -f, or receive what is unread)");
}

void Log::truncated() const {
  throw Error(Trouble::corrupt, EIO,
              "file " + path_ + ": is shorter than what was committed; somebody truncated it");
}

void Log::refuse(int error, std::size_t size) const {
  if (error != ENOSPC && error != EDQUOT) throw Error("write", path_, error);
  struct statvfs about {};
  const bool known = ::fstatvfs(fd(), &about) == 0;
  throw Error(Trouble::limit, error,
              "write " + path_ + ": no room for " + std::to_string(size) + " bytes on the disk" +
                  (known ? ", " + std::to_string(about.f_bavail * about.f_frsize) + " are free"
                         : std::string()) +
                  " (receive what is unread, or use an address on another file system)");
}

}  // namespace ipc::durable

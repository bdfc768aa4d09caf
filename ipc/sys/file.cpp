#include "ipc/sys/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "ipc/sys/gather.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

std::size_t total(std::span<const iovec> parts) {
  std::size_t sum = 0;
  for (const iovec& part : parts) sum += part.iov_len;
  return sum;
}

}  // namespace

Result open(const std::string& path, int flags, mode_t mode, const char* why) {
  return perform(
      "openat", why, [&] { return ::open(path.c_str(), flags, mode); },
      [&] {
        auto line = shown::list("AT_FDCWD", shown::text(path), shown::open_flags(flags));
        return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? line + ", " + shown::mode(mode)
                                                              : line;
      });
}

Result open_unnamed(const std::string& directory, mode_t mode, const char* why) {
  return open(directory, O_RDWR | O_CLOEXEC | O_TMPFILE, mode, why);
}

Result link_unnamed(int fd, const std::string& path, const char* why) {
  // The form that needs no capability: NOTES on O_TMPFILE in open(2).
  const auto own = "/proc/self/fd/" + std::to_string(fd);
  return perform(
      "linkat", why,
      [&] { return ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW); },
      [&] {
        return shown::list("AT_FDCWD", shown::text(own), "AT_FDCWD", shown::text(path),
                           "AT_SYMLINK_FOLLOW");
      });
}

Result read(int fd, std::span<std::byte> room, const char* why) {
  return perform(
      "read", why, [&] { return ::read(fd, room.data(), room.size()); },
      [&] { return shown::list(fd, "room", room.size()); });
}

std::string read_text(const std::string& path, const char* why) {
  const Result opened = open(path, O_RDONLY | O_CLOEXEC, 0, why);
  if (opened.error == ENOENT || opened.error == ESRCH) return "";
  const Fd file(opened.check(path).fd());
  std::array<std::byte, 8192> room{};
  for (std::string text;;) {
    const Result got = read(file.get(), room, why);
    if (got.error == ESRCH) return "";  // the process ended meanwhile
    text.append(reinterpret_cast<const char*>(room.data()), got.check(path).count());
    // A full room is rare, as for a process of thousands of groups: then there may be more.
    if (got.count() < room.size()) return text;
  }
}

Result read_directory(int fd, std::vector<std::string>& names, const char* why) {
  std::vector<std::byte> room(std::size_t{32} << 10);
  for (;;) {
    const Result got = perform(
        "getdents64", why, [&] { return ::getdents64(fd, room.data(), room.size()); },
        [&] { return shown::list(fd, "room", room.size()); });
    if (!got.ok() || got.count() == 0) return got;
    for (std::size_t at = 0; at < got.count();) {
      // d_ino 8, d_off 8, d_reclen 2, d_type 1 bytes, then the name with its NUL: getdents64(2).
      std::uint16_t length = 0;
      std::memcpy(&length, room.data() + at + offsetof(dirent64, d_reclen), sizeof length);
      const std::string_view name =
          reinterpret_cast<const char*>(room.data()) + at + offsetof(dirent64, d_name);
      if (name != "." && name != "..") names.emplace_back(name);
      at += length;
    }
  }
}

Result write(int fd, std::span<const std::byte> bytes, const char* why) {
  return perform(
      "write", why, [&] { return ::write(fd, bytes.data(), bytes.size()); },
      [&] { return shown::list(fd, shown::bytes(bytes.size())); });
}

Result writev(int fd, std::span<const iovec> parts, const char* why) {
  if (const Gathered gathered(parts); gathered)
    return write(fd, std::span(gathered.data(), gathered.size()), why);
  return perform(
      "writev", why, [&] { return ::writev(fd, parts.data(), static_cast<int>(parts.size())); },
      [&] { return shown::list(fd, shown::bytes(total(parts)), parts.size()); });
}

Result pwrite(int fd, std::span<const std::byte> bytes, off_t offset, const char* why) {
  return perform(
      "pwrite64", why, [&] { return ::pwrite(fd, bytes.data(), bytes.size(), offset); },
      [&] { return shown::list(fd, shown::bytes(bytes.size()), bytes.size(), offset); });
}

Result fallocate(int fd, off_t offset, std::size_t size, const char* why) {
  return perform(
      "fallocate", why,
      [&] { return ::fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, static_cast<off_t>(size)); },
      [&] { return shown::list(fd, "FALLOC_FL_KEEP_SIZE", offset, size); });
}

Result pread(int fd, std::span<std::byte> room, off_t offset, const char* why) {
  return perform(
      "pread64", why, [&] { return ::pread(fd, room.data(), room.size(), offset); },
      [&] { return shown::list(fd, "room", room.size(), offset); });
}

Result pwritev(int fd, std::span<const iovec> parts, off_t offset, const char* why) {
  return perform(
      "pwritev", why,
      [&] { return ::pwritev(fd, parts.data(), static_cast<int>(parts.size()), offset); },
      [&] { return shown::list(fd, shown::bytes(total(parts)), parts.size(), offset); });
}

Result fdatasync(int fd, const char* why) {
  return perform(
      "fdatasync", why, [&] { return ::fdatasync(fd); }, [&] { return std::to_string(fd); });
}

Result flush_mapping(void* begin, std::size_t size, const char* why) {
  const auto before = reinterpret_cast<std::uintptr_t>(begin) % 4096;
  std::byte* const page = static_cast<std::byte*>(begin) - before;
  return perform(
      "msync", why, [&] { return ::msync(page, size + before, MS_SYNC); },
      [&] { return shown::list("addr", size + before, "MS_SYNC"); });
}

Result fsync(int fd, const char* why) {
  return perform(
      "fsync", why, [&] { return ::fsync(fd); }, [&] { return std::to_string(fd); });
}

Result fstat(int fd, struct stat& about, const char* why) {
  return perform(
      "newfstatat", why, [&] { return ::fstat(fd, &about); },
      [&] { return shown::list(fd, shown::text(""), "{}", "AT_EMPTY_PATH"); });
}

Result lstat(const std::string& path, struct stat& about, const char* why) {
  return perform(
      "newfstatat", why, [&] { return ::lstat(path.c_str(), &about); },
      [&] { return shown::list("AT_FDCWD", shown::text(path), "{}", "AT_SYMLINK_NOFOLLOW"); });
}

Result ftruncate(int fd, off_t size, const char* why) {
  return perform(
      "ftruncate", why, [&] { return ::ftruncate(fd, size); },
      [&] { return shown::list(fd, size); });
}

Result punch_hole(int fd, off_t offset, off_t length, const char* why) {
  return perform(
      "fallocate", why,
      [&] { return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length); },
      [&] { return shown::list(fd, "FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE", offset, length); });
}

Result try_flock(int fd, const char* why) {
  return perform(
      "flock", why, [&] { return ::flock(fd, LOCK_EX | LOCK_NB); },
      [&] { return shown::list(fd, "LOCK_EX|LOCK_NB"); });
}

Result unflock(int fd, const char* why) {
  return perform(
      "flock", why, [&] { return ::flock(fd, LOCK_UN); },
      [&] { return shown::list(fd, "LOCK_UN"); });
}

Result touch(int fd, const char* why) {
  return perform(
      "utimensat", why, [&] { return ::futimens(fd, nullptr); },
      [&] { return shown::list(fd, "NULL", "NULL", 0); });
}

void flush_directory_of(const std::string& path, const char* why) {
  const auto directory = path.substr(0, path.rfind('/') + 1);
  const Fd opened(
      open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, why).check(directory).fd());
  (void)fsync(opened.get(), why).check(directory);
}

Result fchmod(int fd, mode_t mode, const char* why) {
  return perform(
      "fchmod", why, [&] { return ::fchmod(fd, mode); },
      [&] { return shown::list(fd, shown::mode(mode)); });
}

Result chmod(const std::string& path, mode_t mode, const char* why) {
  return perform(
      "chmod", why, [&] { return ::chmod(path.c_str(), mode); },
      [&] { return shown::list(shown::text(path), shown::mode(mode)); });
}

Result lchown(const std::string& path, uid_t owner, gid_t group, const char* why) {
  return perform(
      "lchown", why, [&] { return ::lchown(path.c_str(), owner, group); },
      [&] { return shown::list(shown::text(path), owner, group); });
}

Result mkdir(const std::string& path, mode_t mode, const char* why) {
  return perform(
      "mkdir", why, [&] { return ::mkdir(path.c_str(), mode); },
      [&] { return shown::list(shown::text(path), shown::mode(mode)); });
}

Result mkfifo(const std::string& path, mode_t mode, const char* why) {
  return perform(
      "mknodat", why, [&] { return ::mkfifo(path.c_str(), mode); },
      [&] { return shown::list("AT_FDCWD", shown::text(path), "S_IFIFO|" + shown::mode(mode)); });
}

Result rmdir(const std::string& path, const char* why) {
  return perform(
      "rmdir", why, [&] { return ::rmdir(path.c_str()); }, [&] { return shown::text(path); });
}

Result unlink(const std::string& path, const char* why) {
  return perform(
      "unlink", why, [&] { return ::unlink(path.c_str()); }, [&] { return shown::text(path); });
}

Result rename(const std::string& from, const std::string& to, const char* why) {
  return perform(
      "rename", why, [&] { return ::rename(from.c_str(), to.c_str()); },
      [&] { return shown::list(shown::text(from), shown::text(to)); });
}

Result rename_noreplace(const std::string& from, const std::string& to, const char* why) {
  return perform(
      "renameat2", why,
      [&] { return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE); },
      [&] {
        return shown::list("AT_FDCWD", shown::text(from), "AT_FDCWD", shown::text(to),
                           "RENAME_NOREPLACE");
      });
}

Result symlink(const std::string& target, const std::string& path, const char* why) {
  return perform(
      "symlink", why, [&] { return ::symlink(target.c_str(), path.c_str()); },
      [&] { return shown::list(shown::text(target), shown::text(path)); });
}

std::string readlink(const std::string& path, const char* why) {
  std::array<char, PATH_MAX> target{};
  const Result result = perform(
      "readlink", why, [&] { return ::readlink(path.c_str(), target.data(), target.size()); },
      [&] { return shown::list(shown::text(path), "room", target.size()); });
  if (result.ok()) return {target.data(), result.count()};
  if (result.error == ENOENT || result.error == EINVAL || result.error == ENOTDIR) return "";
  result.check(path);
  return "";
}

Result set_pipe_size(int fd, std::size_t bytes, const char* why) {
  return perform(
      "fcntl", why, [&] { return ::fcntl(fd, F_SETPIPE_SZ, static_cast<int>(bytes)); },
      [&] { return shown::list(fd, "F_SETPIPE_SZ", bytes); });
}

Result get_pipe_size(int fd, const char* why) {
  return perform(
      "fcntl", why, [&] { return ::fcntl(fd, F_GETPIPE_SZ); },
      [&] { return shown::list(fd, "F_GETPIPE_SZ"); });
}

Result pipe2(int (&ends)[2], int flags, const char* why) {
  return perform(
      "pipe2", why, [&] { return ::pipe2(ends, flags); },
      [&] {
        return shown::list("[" + std::to_string(ends[0]) + ", " + std::to_string(ends[1]) + "]",
                           shown::open_flags(flags).substr(9));
      });
}

}  // namespace ipc::sys

#include "tools/pool/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "ipc/sys/error.hpp"

namespace pool {
namespace {

void check(long value, const char* call, const std::string& path) {
  if (value == -1) throw ipc::Error(call, path, errno);
}

std::string read_pid(int fd) {
  std::array<char, 32> text{};
  const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
  std::string pid(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  pid.resize(std::min(pid.size(), pid.find_first_not_of("0123456789")));
  return pid;
}

bool is_still(const std::string& path, int fd) {
  struct stat open {};
  struct stat named {};
  check(::fstat(fd, &open), "fstat", path);
  return ::lstat(path.c_str(), &named) == 0 && named.st_ino == open.st_ino &&
         named.st_dev == open.st_dev;
}

}  // namespace

std::optional<LockFile> LockFile::take(const std::string& path, std::string& holder) {
  for (;;) {
    ipc::sys::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    check(fd.get(), "open", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == -1) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) throw ipc::Error("flock", path, errno);
      holder = read_pid(fd.get());
      return {};
    }
    if (!is_still(path, fd.get())) continue;
    const std::string pid = std::to_string(::getpid()) + "\n";
    check(::ftruncate(fd.get(), 0), "ftruncate", path);
    check(::pwrite(fd.get(), pid.data(), pid.size(), 0), "pwrite", path);
    return LockFile(path, std::move(fd));
  }
}

LockFile::~LockFile() {
  // Before the lock goes: after it the file may be somebody else's; and if its directory was moved,
  // another's file has its name already.
  if (!fd_.is_open()) return;
  struct stat open {};
  struct stat named {};
  if (::fstat(fd_.get(), &open) == 0 && ::lstat(path_.c_str(), &named) == 0 &&
      named.st_ino == open.st_ino && named.st_dev == open.st_dev)
    ::unlink(path_.c_str());
}

}  // namespace pool

#include "ipc/sys/lock.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "ipc/sys/call.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

struct flock bytes(short type, off_t first, off_t count = 1) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = first;
  range.l_len = count;
  range.l_pid = 0;  // must be 0 for the OFD commands
  return range;
}

Result lock_call(int fd, int command, const char* name, struct flock& range, const char* why) {
  return perform(
      "fcntl", why, [&] { return ::fcntl(fd, command, &range); },
      [&] {
        const char* type = range.l_type == F_WRLCK   ? "F_WRLCK"
                           : range.l_type == F_RDLCK ? "F_RDLCK"
                                                     : "F_UNLCK";
        return shown::list(fd, name,
                           "{l_type=" + std::string(type) +
                               ", l_whence=SEEK_SET, l_start=" + std::to_string(range.l_start) +
                               ", l_len=" + std::to_string(range.l_len) + "}");
      });
}

bool set_lock(int fd, short type, off_t byte, const char* why) {
  struct flock range = bytes(type, byte);
  const Result result = lock_call(fd, F_OFD_SETLK, "F_OFD_SETLK", range, why);
  if (result.error == EAGAIN || result.error == EACCES) return false;
  result.check("");
  return true;
}

}  // namespace

bool try_lock(int fd, off_t byte, const char* why) {
  return set_lock(fd, F_WRLCK, byte, why);
}

bool try_read_lock(int fd, off_t byte, const char* why) {
  return set_lock(fd, F_RDLCK, byte, why);
}

bool try_until(Deadline deadline, const std::function<bool()>& try_once) {
  while (!try_once()) {
    if (deadline.expired()) return false;
    // There is no event for "a lock is free" with a deadline (F_OFD_SETLKW waits for ever, and its
    // holder may be stopped), hence the short naps.
    ::usleep(100);
  }
  return true;
}

void unlock(int fd, off_t byte, const char* why) {
  struct flock range = bytes(F_UNLCK, byte);
  (void)lock_call(fd, F_OFD_SETLK, "F_OFD_SETLK", range, why).check("");
}

bool is_locked(int fd, off_t byte, const char* why) {
  return is_any_locked(fd, byte, 1, why);
}

bool is_any_locked(int fd, off_t first, off_t count, const char* why) {
  struct flock range = bytes(F_WRLCK, first, count);
  (void)lock_call(fd, F_OFD_GETLK, "F_OFD_GETLK", range, why).check("");
  return range.l_type != F_UNLCK;
}

Mapping::Mapping(int fd, std::size_t size, const char* why)
    : size_(size), fork_generation_(fork_generation()) {
  count_forks();
  const Result result = perform(
      "mmap", why,
      [&] {
        data_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return data_ == MAP_FAILED ? -1 : 0;
      },
      [&] { return shown::list("NULL", size, "PROT_READ|PROT_WRITE", "MAP_SHARED", fd, 0); });
  if (!result.ok()) data_ = nullptr;
  result.check("");
  (void)perform(
      "madvise", "a forked child must not keep our lock alive",
      [&] { return ::madvise(data_, size, MADV_DONTFORK); },
      [&] { return shown::list("addr", size, "MADV_DONTFORK"); })
      .check("");
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      fork_generation_(other.fork_generation_) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(fork_generation_, other.fork_generation_);
  return *this;
}

Mapping::~Mapping() {
  if (!data_ || fork_generation_ != fork_generation()) return;
  (void)perform_once(
      "munmap", "drops the lock with the last reference to its open file",
      [&] { return ::munmap(data_, size_); }, [&] { return shown::list("addr", size_); });
}

constinit std::atomic<std::uint64_t> forks_so_far = 0;

void count_forks() {
  // pthread_atfork(3) runs in fork(2) only, which is what is asked: vfork and posix_spawn share the
  // parent's memory and must not count.
  static const int error = ::pthread_atfork(nullptr, nullptr, [] { forks_so_far.fetch_add(1); });
  if (error != 0) throw Error("pthread_atfork", "", error);
}

}  // namespace ipc::sys

// Byte-range locks as signs of life.
//
// An open-file-description lock (fcntl(2), "Open file description locks") is dropped by the kernel
// when the last reference to the open file goes, however the process ends, SIGKILL included: before
// its zombie is reaped, and 0.1 ms after the signal (measured). So "is that byte locked?" is a
// question about a living process that no pid file can answer: pids are reused, files outlive.
//
// A descriptor is a poor place for the lock: a forked child shares the open file and would keep the
// lock for its own lifetime. A *mapping* refers to the open file as well, and with MADV_DONTFORK it
// is not inherited; so Mapping opens, maps, locks and closes, and the lock then lives exactly as
// long as this process has the page mapped, forks or not.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"

namespace ipc::sys {

/// Takes the write lock on one byte for the open file of `fd`, without waiting; false if another
/// open file holds it.
bool try_lock(int fd, off_t byte, const char* why);
/// The same with a read lock, for descriptors that are open for reading only; false only if another
/// holds the write lock.
bool try_read_lock(int fd, off_t byte, const char* why);
/// Calls `try_once` until it has taken its lock, or the deadline has passed: then false. For locks that
/// are held for microseconds.
bool try_until(Deadline deadline, const std::function<bool()>& try_once);
/// Gives it back.
void unlock(int fd, off_t byte, const char* why);
/// Whether another open file than that of `fd` holds a lock on the byte.
bool is_locked(int fd, off_t byte, const char* why);
/// Whether any of `count` bytes from `first` on is locked so.
bool is_any_locked(int fd, off_t first, off_t count, const char* why);

/// A shared mapping of a whole file from offset 0, not inherited by fork(2), that keeps the open
/// file, and so its locks, alive after the descriptor is closed.
class Mapping {
 public:
  Mapping() = default;
  Mapping(int fd, std::size_t size, const char* why);
  Mapping(Mapping&&) noexcept;
  Mapping& operator=(Mapping&&) noexcept;
  /// Unmaps, unless this is a forked child, which never had the mapping.
  ~Mapping();

  void* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t fork_generation_ = 0;
};

/// Counts the forks between the start of the first process and this one: equal in two moments of
/// one process, different in its child. A load, no system call.
inline std::uint64_t fork_generation();
/// Makes fork_generation() count from now on; again and again is harmless.
void count_forks();

extern constinit std::atomic<std::uint64_t> forks_so_far;
inline std::uint64_t fork_generation() {
  return forks_so_far.load(std::memory_order_relaxed);
}

}  // namespace ipc::sys

#include "ipc/sys/ring_memory.hpp"

#include <sys/mman.h>

#include <utility>

#include "ipc/sys/call.hpp"
#include "ipc/sys/lock.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {

RingMemory::RingMemory(int fd, off_t offset, std::size_t size, const char* why)
    : size_(size), fork_generation_(fork_generation()) {
  void* reserved = nullptr;
  (void)perform(
      "mmap", "addresses for two copies in a row",
      [&] {
        reserved = ::mmap(nullptr, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return reserved == MAP_FAILED ? -1 : 0;
      },
      [&] {
        return shown::list("NULL", 2 * size, "PROT_NONE", "MAP_PRIVATE|MAP_ANONYMOUS", -1, 0);
      })
      .check("");
  data_ = static_cast<std::byte*>(reserved);
  for (std::byte* copy : {data_, data_ + size}) {
    const Result result = perform(
        "mmap", why,
        [&] {
          return ::mmap(copy, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset) ==
                         MAP_FAILED
                     ? -1
                     : 0;
        },
        [&] {
          return shown::list("addr", size, "PROT_READ|PROT_WRITE", "MAP_SHARED|MAP_FIXED", fd,
                             offset);
        });
    if (result.ok()) continue;
    ::munmap(data_, 2 * size);
    data_ = nullptr;
    result.check("");
  }
  (void)perform(
      "madvise", "a forked child has no business here",
      [&] { return ::madvise(data_, 2 * size, MADV_DONTFORK); },
      [&] { return shown::list("addr", 2 * size, "MADV_DONTFORK"); })
      .check("");
}

RingMemory::RingMemory(RingMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      fork_generation_(other.fork_generation_) {}

RingMemory& RingMemory::operator=(RingMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(fork_generation_, other.fork_generation_);
  return *this;
}

RingMemory::~RingMemory() {
  if (!data_ || fork_generation_ != fork_generation()) return;
  (void)perform_once(
      "munmap", "both copies", [&] { return ::munmap(data_, 2 * size_); },
      [&] { return shown::list("addr", 2 * size_); });
}

}  // namespace ipc::sys

// A piece of a file, mapped twice in a row: what runs over its end goes on at its beginning, so that
// a record of a ring is contiguous wherever it begins.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace ipc::sys {

class RingMemory {
 public:
  RingMemory() = default;
  /// `offset` and `size` are multiples of the page size. Like Mapping it is not inherited by fork.
  RingMemory(int fd, off_t offset, std::size_t size, const char* why);
  RingMemory(RingMemory&&) noexcept;
  RingMemory& operator=(RingMemory&&) noexcept;
  ~RingMemory();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t fork_generation_ = 0;
};

}  // namespace ipc::sys

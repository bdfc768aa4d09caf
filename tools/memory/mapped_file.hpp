// A file or a segment as a whole, in our memory.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/sigbus.hpp"
#include "tools/memory.hpp"

namespace tools {

/// Where a file or a segment is. Throws UsageError for a name that no segment can have.
std::string path_of(MemoryHome home, const std::string& name);

/// Makes a file of `size` zeros with exactly that mode and takes the room for all of it, or leaves
/// one that is there and as long alone. Throws ipc::Error with Trouble::limit if there is no room.
void create_memory(const std::string& path, std::size_t size, mode_t mode);

/// One thread at a time.
class MappedFile {
 public:
  /// Throws ipc::Error if it cannot be opened or mapped. An empty file is an empty range.
  MappedFile(MemoryHome home, const std::string& path, bool writable);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<std::byte> bytes() const { return {data_, size_}; }
  /// Throws ipc::Error if a page could not be had since it was mapped: somebody truncated the file,
  /// or there is no room for what was written. What was read before is to be believed only
  /// afterwards.
  void check() const;
  /// What was stored in that part is on the disk.
  void flush(std::size_t from, std::size_t count) const;

 private:
  std::string path_;
  ipc::sys::Fd file_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::atomic<bool> lost_{false};
  std::optional<ipc::sys::SigbusGuard> guard_;
};

}  // namespace tools

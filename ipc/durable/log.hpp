// A log in a file: records one behind the other, and at the front how far they count.
//
// A record is written beyond what counts, and then counts by eight bytes at the front, which no signal
// can cut in two: whoever is killed leaves a torn tail that nobody looks at and the next writes over.
// With `sync` the record is on the disk before it counts, and that it counts before append() returns.
//
// Who changes the file holds its lock, flock(2), which is the caller's matter. One thread at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ipc/sys/durable_lease.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/transport.hpp"

namespace ipc::durable {

inline constexpr std::uint64_t kLogStart = 4096;  ///< Where the first record lies in the file.

/// The front of the file. Positions count all bytes of records ever appended; `base` is the position
/// of the byte at kLogStart.
struct Front {
  char magic[8] = {'i', 'p', 'c', 'w', 'a', 'y', 's', 'F'};
  std::uint64_t version = 1;
  std::uint64_t committed = 0;
  std::uint64_t base = 0;

  off_t offset_of(std::uint64_t position) const {
    return static_cast<off_t>(kLogStart + (position - base));
  }
};

/// Functions throw Error: what a call says, Trouble::limit if there is no room, Trouble::corrupt if it
/// is no log or has been truncated.
class Log {
 public:
  explicit Log(const std::string& path);

  /// An empty one, under a name that is free.
  static void make(const std::string& path, mode_t mode);
  /// Whether all has been read.
  static bool is_empty(const std::string& path, const sys::DurableState& state);

  Front front() const;
  /// Fills `room`; there must be so many bytes.
  void read(off_t offset, std::span<std::byte> room, const char* why) const;

  /// Only while the lock is held, as rewind(). `front` is what front() says; `size` counts a gap of less
  /// than eight bytes behind the message.
  void append(Bytes header, Bytes message, const Front& front, std::size_t size, bool sync);
  /// All has been read: the next record goes to the beginning again.
  void rewind(Front& front);

  /// Throws if it is shorter than it says; false if it has no name any more.
  bool is_intact(const Front& front) const;

  int fd() const { return file_.get(); }
  const std::string& path() const { return path_; }

 private:
  void write_all(Bytes header, Bytes message, std::size_t size, off_t offset);
  void commit(std::size_t field, std::uint64_t value, const char* why);
  void check_file_limit(off_t end) const;
  [[noreturn]] void truncated() const;
  [[noreturn]] void refuse(int error, std::size_t size) const;

  std::string path_;
  sys::Fd file_;
};

}  // namespace ipc::durable

// Room in the file system behind a lane, before anybody touches it.
//
// ftruncate(2) gives addresses and no room; a touch that finds none is SIGBUS. There are two ways
// to take room beforehand, and to be told if there is none:
//
// fallocate(2), in memory. The pages are taken and stay until the file goes.
//
// write(2) of zeros, on a disk. The kernel sets room aside but chooses no blocks until it writes
// the pages out, seconds later. What is consumed and punched away before has never touched the
// disk; blocks from fallocate(2) would have to be given back to it, in 3 ms a megabyte, for 0.3
// GB/s instead of 2.5 (ext4 mounted with discard, measured).
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "ipc/sys/fd.hpp"

namespace ipc::lanes {

/// Take room for `size` bytes of the file from `offset` on. Both throw Trouble::limit, naming what
/// is free in the file system.
void allocate(int fd, off_t offset, std::size_t size, const std::string& object);
void write_zeros(int fd, off_t offset, std::size_t size, const std::string& object);

/// Throws Trouble::limit if a file of that length is beyond `ulimit -f`: a write there would not
/// only be refused, SIGXFSZ would end the process, setrlimit(2).
void check_file_limit(std::uint64_t size, const std::string& object);

/// The room of one lane, as its sender needs it. Positions are the ring's: they count all bytes
/// since the lane was made. One thread at a time.
class Backing {
 public:
  /// All of the lane now: what a sender in memory must not run out of later.
  static Backing whole(const sys::Fd& file, off_t offset, std::size_t size,
                       const std::string& object);
  /// A piece at a time, so that a lane takes about as much of the disk as is unread in it. `begin`
  /// is where its sender begins; behind that nothing is unread.
  static Backing piecewise(sys::Fd file, off_t offset, std::size_t size, std::string object,
                           std::uint64_t begin);

  /// Whether the bytes up to `end` may be written.
  bool reaches(std::uint64_t end) const { return end <= backed_; }
  /// Makes it so.
  void extend(std::uint64_t end);

 private:
  Backing() = default;
  void back(std::uint64_t end);

  sys::Fd file_;
  off_t offset_ = 0;
  std::size_t size_ = 0;
  std::string object_;
  std::uint64_t piece_ = 0;   ///< So much at a time.
  std::uint64_t backed_ = 0;  ///< Up to here.
};

/// Gives the room of the positions [from, to) back, both multiples of kBoundary (segment.hpp). The
/// lane is `size` bytes at `offset` of the file.
void punch(int fd, off_t offset, std::size_t size, std::uint64_t from, std::uint64_t to);

}  // namespace ipc::lanes

// One edition of a list (list.hpp): all its values, in a segment of POSIX shared memory that
// Boost.Interprocess manages.
//
// Boost gives a segment an allocator, a directory, and pointers that are offsets and so mean the same
// wherever it is mapped. It also trusts it: a process killed in its allocator leaves that half changed
// for whoever comes next, and a byte that somebody has overwritten is followed as a pointer. So a
// segment here is written once, by one process, before anybody knows of it, and never changed. Whoever
// reads it takes a copy, compares its check, and opens the copy: what Boost then walks through are
// bytes as they were written, and nobody else's.
//
// The allocator is the one without locks: what has one writer, and no reader meanwhile, needs none,
// and a lock inside would be one more thing that a death can leave behind.
//
// The values lie in two arrays, all their bytes and where each ends. A vector of strings, which Boost has
// for such memory too, would be an allocation and a pointer to be trusted for each value.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace ipc::sync {

using Values = std::deque<std::string>;

/// All bytes of a list's values, and eight more for each.
inline constexpr std::uint64_t kMostListBytes = std::uint64_t{1} << 30;
std::uint64_t bytes_of(const Values& values);

/// What a reader has to know of an edition besides its name; all 0 of one without values, which has
/// no segment.
struct EditionMark {
  std::uint64_t size = 0;   ///< Of the segment's file in bytes.
  std::uint64_t begin = 0;  ///< Where in it Boost's part begins.
  std::uint64_t check = 0;  ///< Of that part (wire/check.hpp).
};

/// What the segment is called in shm_open(3): "ipc.TOKEN.NUMBER".
std::string edition_name(std::uint64_t token, std::uint32_t number);
/// "/dev/shm/ipc.TOKEN.NUMBER"
std::string edition_path(const std::string& name);

/// Makes one, with mode 0600, in the place of what a dead process has left under its name; it is
/// `owner`'s, as root may give it away. Throws Trouble::limit if there is no room in /dev/shm; then
/// nothing is left.
EditionMark make_edition(const std::string& name, const Values& values, std::uint32_t owner);

/// Reads one; nothing if there is none of that name. Throws Trouble::corrupt if it is not as it was
/// made.
std::optional<Values> read_edition(const std::string& name, const EditionMark& mark);

}  // namespace ipc::sync

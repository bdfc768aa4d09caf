// The lease of an object that outlives both sides.
//
// A file or a directory with messages in it needs no receiver to be sent to, and no sender to be
// received from. So whoever comes first makes object and lease, and the lease stays the same file
// for as long as the object exists: receivers take byte 0 of it in turn, senders its slots, and
// nothing is ever renamed over it. What one receiver must know of the one before it (whose death has
// been told, how far it has read) stands in the slots and in DurableState.
//
// All who join, leave in good order or remove do so while they hold byte 2^62, one after the other.
// That makes these safe, whichever of them is killed at whichever step:
//
//   making    lease and object are complete before the lease gets its name by RENAME_NOREPLACE; of
//             two who come at once one wins. A loser, or the next maker, removes what was left.
//   joining   open the lease, take byte 2^62, see that the name still is this file, take byte 0 or
//             a slot, give byte 2^62 back. So nobody joins what is just being removed.
//   leaving   take byte 2^62, give the own byte back. If no byte is taken any more and nothing is
//             unread, the last one out removes everything; else all stays.
//   coming    to what is empty and has nobody connected: it is removed and made anew, so that the
//             terms are those that the newcomer asked for, and nothing is left of a broken end.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/lease_file.hpp"
#include "ipc/sys/lock.hpp"

namespace ipc::sys {

/// What the one who makes the object decides. A receiver that finds it made already states
/// max_message, capacity and, if set, mode anew; the number of slots then stays.
struct DurableTerms {
  std::string_view kind;
  Home home = Home::path;
  std::optional<mode_t> mode{};  ///< 0600.
  std::size_t max_message = 0;
  std::optional<std::size_t> max_senders{};
  std::size_t capacity = 0;  ///< Bytes that may wait unread.
};

/// What the lease must know of its object.
struct DurableObject {
  /// Makes it at that path, complete, with exactly that mode.
  std::function<void(const std::string& path, mode_t mode)> make;
  /// Whether it holds nothing unread. Asked while nobody is connected nor can connect.
  std::function<bool(const std::string& path, const DurableState& state)> is_empty;
  /// If set: makes what the disk has kept of it over a reboot usable again, if there was one.
  /// Called at such a moment too, before the first one joins what is not empty.
  std::function<void(const std::string& path)> mend{};
};

/// The lease, open, while its take-over byte is held; closing the file gives it back. What was made
/// for it is removed again unless it is kept.
struct DurableEntry {
  DurableEntry() = default;
  DurableEntry(DurableEntry&&) = default;
  ~DurableEntry();
  void keep() { made_for.reset(); }

  Fd file;
  LeasePage page{};
  std::uint64_t inode = 0;
  std::optional<Path> made_for{};
};
/// The mode of a directory whose files have that mode: whom they let in may search it.
mode_t directory_mode(mode_t files);

enum class Role {
  receiver,
  sender,
  sender_to_receiver,  ///< Does not make what is missing, and fails while nobody receives.
};

/// Finds or makes what stands under `path`. Throws Trouble::in_use if a receiver is wanted and one
/// lives, or if something that is not ours has the name; Trouble::invalid if another kind has it;
/// Trouble::no_receiver as `role` says.
DurableEntry enter_durable(const Path& path, const DurableTerms& terms, const DurableObject& object,
                           Role role);

/// Gives `own` back, the mapping that holds the lock of one who leaves, and removes all if nobody is
/// left and nothing unread. `query` is the lease by another open.
void leave_durable(const Path& path, std::uint64_t inode, int query, Mapping& own,
                   const DurableObject& object) noexcept;

/// The receiver's side. One thread at a time; the destructor is the clean end, and does nothing in
/// a forked child.
class DurableLease {
 public:
  DurableLease(const Path& path, const DurableTerms& terms, DurableObject object);
  ~DurableLease();
  DurableLease(const DurableLease&) = delete;
  DurableLease& operator=(const DurableLease&) = delete;

  const Path& path() const { return path_; }
  const std::string& object_path() const { return object_path_; }
  /// Where a bell for this object stands, if one is made (sys/bell.hpp).
  const std::string& bell_path() const { return bell_path_; }
  std::uint32_t max_senders() const { return max_senders_; }
  std::span<Slot> slots() const { return slots_of(mapping_.data(), max_senders_); }
  DurableState& state() const { return durable_state_of(mapping_.data()); }
  /// Whether the sender in that slot lives. 0.5 µs.
  bool sender_lives(std::uint32_t slot) const;
  /// Whether any sender holds its byte, also one that has not written itself into its slot yet.
  bool any_sender_lives() const;
  /// Wakes senders that wait for room, if any do. To be called after room was made.
  void tell_room() { (void)tell(state().room, "senders wait for room"); }
  /// Puts the lease on the disk, as fdatasync(2) does.
  void flush();

 private:
  Path path_;
  DurableObject object_;
  std::string object_path_;
  std::string bell_path_;
  std::uint32_t max_senders_ = 0;
  Mapping mapping_;  ///< Holds the lock on byte 0.
  Fd query_;
  std::uint64_t inode_ = 0;
  std::uint64_t fork_generation_;
};

}  // namespace ipc::sys

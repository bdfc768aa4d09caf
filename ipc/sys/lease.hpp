// Who receives under a name, proven by the kernel.
//
// A name left behind by a killed process looks exactly like one in use, and probing it before
// removing it is a race: two new receivers both find the old name dead, and the slower removes what
// the faster has just made (4 of 400 rounds, measured with the usual socket idiom). So beside the
// address `demo` stands `.demo.lease`, and a lock on its first byte says that a receiver lives
// (sys/lock.hpp). It also says over which kind, where the object really is, and has one slot for
// each sender.
//
// Every receiver is an *incarnation*: a new object under a random name and a new lease file that is
// renamed over the old one. Senders that belong to a dead receiver hold the old file and the old
// object, so they can never meet the next one. The steps, each of which may be the last:
//
//   1. `.demo.lease.TOKEN` is made, filled, and byte 0 locked. A newcomer that finds such a file
//      unlocked removes it and the object that it names; that is why it is locked at once, and why
//      its maker looks afterwards whether it is still there.
//   2. The object is made under the name that stands in the lease already.
//   3. The lease is renamed to `.demo.lease`. If there is none yet, RENAME_NOREPLACE decides between
//      two who come at once. If there is one, its byte 2^62 serialises those who want to replace
//      it; the winner finds byte 0 free or gives up.
//   4. `demo` becomes a symbolic link to the object, for people and their tools.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/lease_file.hpp"
#include "ipc/sys/lock.hpp"

namespace ipc::sys {

/// The receiver's side. One thread at a time; the destructor is the clean end, and does nothing in
/// a forked child.
class Lease {
 public:
  using Terms = LeaseTerms;

  /// Takes the name. `make` makes the object at the path it is given; a bare one that throws must
  /// have left nothing there. Throws Trouble::in_use if a receiver lives there or if something that
  /// is not ours has the name.
  Lease(const Path& path, const Terms& terms, const std::function<void(const std::string&)>& make);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const Path& path() const { return path_; }
  std::string object_path() const;
  /// Where a bell for this object stands, if one is made (sys/bell.hpp).
  std::string bell_path() const;
  std::span<Slot> slots() const { return slots_of(mapping_.data(), max_senders_); }
  /// Room on the lease's page for what the kind itself shares with its senders: kKindRoom bytes,
  /// zeroed but for what the terms have put there.
  void* kind_room() const { return kind_room_of(mapping_.data()); }
  /// For bare leases taken with Home::none: the object has been made by us after all, and goes with
  /// the lease. Before that it may be anybody's and is left alone.
  void adopt(Home home);
  /// Whether the sender in that slot lives. 0.5 µs.
  bool sender_lives(std::uint32_t slot) const;
  /// Whether any sender holds its byte, also one that has not written itself into its slot yet.
  bool any_sender_lives() const;

 private:
  void make_temporary(const Terms& terms);
  void publish();
  bool replace_dead();
  void end() noexcept;

  Path path_;
  std::string object_;
  std::string lease_path_;
  std::string temporary_;  ///< Until it has been renamed.
  std::uint32_t max_senders_;
  Home home_;
  bool linked_;      ///< The address is a symbolic link to the object.
  Mapping mapping_;  ///< Holds the lock on byte 0.
  Fd query_;         ///< Another open file: an open file's own locks are invisible to it.
  std::uint64_t inode_ = 0;
  std::uint64_t fork_generation_;
};

}  // namespace ipc::sys

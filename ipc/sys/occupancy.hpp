// One slot of a lease, owned by one sender: the lock on its byte and the words in it.
//
// The lock comes first and says that the sender lives; writing itself into the slot comes second.
// A goodbye is a store into the slot: it never blocks and needs no room in the channel.
#pragma once

#include <cstdint>
#include <functional>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/lease_page.hpp"
#include "ipc/sys/lock.hpp"
#include "ipc/sys/name.hpp"

namespace ipc::sys {

/// One thread at a time. The destructor gives the lock back and says nothing: without leave() the
/// receiver learns of a death.
class Occupancy {
 public:
  Occupancy() = default;
  /// Locks the first free slot of the open lease. Throws Trouble::limit if there is none.
  Occupancy(const Path& path, int lease, const LeasePage& page)
      : Occupancy(path, lease, page, 0, {}) {}
  /// The same where priorities matter: a slot whose last owner had a lower one is passed over unless
  /// the channel is empty (Precedence, seat.hpp).
  Occupancy(const Path& path, int lease, const LeasePage& page, unsigned priority,
            const std::function<bool()>& channel_is_empty);

  /// Writes this sender into its slot.
  void enter();
  /// For who holds the slot on behalf of another process: whose pid it shows.
  void show_pid(pid_t pid);
  /// Says goodbye: all that was sent is in the channel, and nothing more will come. Nothing in a
  /// forked child, whose slot it is not.
  void leave() noexcept;
  /// Whether this process is the one that took the slot, and has not given it back.
  bool is_ours() const;
  bool has_entered() const { return generation_ != 0; }
  /// For who wants to give the lock back in a certain moment: `release(query, mapping)` does it by
  /// unmapping.
  template <class Release>
  void give_back(Release release) {
    release(query_.get(), mapping_);
  }

  /// The whole lease.
  void* data() const { return mapping_.data(); }
  /// The lease by another open, to ask about the locks of others.
  int query() const { return query_.get(); }
  std::uint32_t max_senders() const { return max_senders_; }
  std::uint32_t slot_number() const { return slot_; }
  /// Unique for one object; valid from enter() on.
  std::uint32_t id() const { return id_; }

  /// Sender::taken() for a sender that has sent `sent` messages; gives up when `lives` says no.
  std::uint64_t taken(std::uint64_t sent, std::uint64_t want, Deadline deadline,
                      const std::function<bool()>& lives);

 private:
  Slot& slot() const { return slots_of(mapping_.data(), max_senders_)[slot_]; }
  std::uint64_t count_taken(std::uint64_t sent) const;

  std::uint32_t max_senders_ = 0;
  std::uint32_t slot_ = 0;
  unsigned priority_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t id_ = 0;
  Mapping mapping_;  ///< Holds the lock on our byte.
  Fd query_;
  std::uint64_t fork_generation_ = 0;
};

}  // namespace ipc::sys

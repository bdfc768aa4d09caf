// A sender's place at a durable object (sys/durable_lease.hpp).
#pragma once

#include <algorithm>
#include <chrono>
#include <string>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/durable_lease.hpp"
#include "ipc/sys/occupancy.hpp"

namespace ipc::sys {

/// One thread at a time. The order for its user: construct, open the object, enter(). The destructor
/// of a seat that has entered and not left() says nothing: the receiver learns of a death.
class DurableSeat {
 public:
  /// Locks a free slot, having made the object if it was missing. With `require_receiver` it is
  /// bound to the receiver that lives now; throws Trouble::no_receiver if none does.
  DurableSeat(const Path& path, const DurableTerms& terms, DurableObject object,
              bool require_receiver);
  DurableSeat(DurableSeat&&) = default;
  DurableSeat& operator=(DurableSeat&&) = default;
  ~DurableSeat();

  /// Writes this sender into its slot.
  void enter() { occupancy_.enter(); }
  /// Says goodbye; removes all if it is the last one here and nothing is unread. No other function
  /// may be called afterwards.
  void leave() noexcept;

  const std::string& object_path() const { return object_path_; }
  const std::string& bell_path() const { return bell_path_; }
  std::size_t max_message() const { return max_message_; }
  std::uint32_t max_senders() const { return occupancy_.max_senders(); }
  std::uint32_t slot_number() const { return occupancy_.slot_number(); }
  /// What this sender's messages carry; valid from enter() on.
  std::uint32_t id() const { return occupancy_.id(); }
  DurableState& state() const { return durable_state_of(occupancy_.data()); }

  /// Whether nothing more can be sent here: the object was removed, or the receiver that was
  /// required is gone. Asks the kernel at most four times a second; once true, for ever.
  bool is_over();
  /// Whether a receiver lives. Asks the kernel unless one was seen within the last 250 ms.
  bool receiver_lives();
  /// Waits are at most this long, and then ask again.
  static constexpr auto kLook = std::chrono::milliseconds(250);

  /// Whether `size` more may wait unread when `put` has been put in so far, both by the kind's own
  /// measure. What is more than all that may wait goes in alone.
  bool has_room(std::uint64_t put, std::uint64_t size) const;
  /// Waits until the receiver has made room, kLook has passed, or the deadline. `is_full` is asked
  /// once more before it sleeps.
  template <class IsFull>
  void wait_for_room(Deadline deadline, IsFull is_full) {
    await(state().room, std::min(deadline, Deadline::after(kLook)), is_full,
          "full: until the receiver has made room, or is gone");
  }
  /// Sender::taken() for a sender that has sent `sent` messages.
  std::uint64_t taken(std::uint64_t sent, std::uint64_t want, Deadline deadline);
  /// Puts the lease on the disk, as fdatasync(2) does.
  void flush();

 private:
  void ask();

  Path path_;
  DurableObject object_;
  std::string object_path_;
  std::string bell_path_;
  std::size_t max_message_ = 0;
  bool requires_receiver_;
  std::uint32_t receiver_ = 0;  ///< The how-manieth receiver it is bound to.
  std::uint64_t inode_ = 0;
  Occupancy occupancy_;
  bool lives_ = false;
  bool over_ = false;
  std::chrono::nanoseconds last_look_{};
};

}  // namespace ipc::sys

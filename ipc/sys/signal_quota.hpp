// How the senders of one receiver share what may be queued for it.
//
// The kernel counts the queued signals of a user, those of all processes together, and at the limit
// (RLIMIT_SIGPENDING) it refuses everybody's: sigqueue(3), timers and asynchronous I/O of all of the
// user's programs. And nobody is told when there is room again. So a receiver has no more than an
// eighth of that limit under way, and no more than 1024 signals; each of its live senders has an
// equal part of that, and the receiver counts in their slots what it has taken.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "ipc/sys/call.hpp"
#include "ipc/sys/lease_page.hpp"
#include "ipc/sys/seat.hpp"

namespace ipc::sys {

/// What receiver and senders of one lease share of it; zeroed but for the limit.
struct SignalQuota {
  std::uint32_t limit = 0;              ///< How many may be under way, of all senders.
  std::atomic<std::uint32_t> dead = 0;  ///< Slots that say live, but whose owners are dead.
};

/// The limit that this process can promise as a receiver.
std::uint32_t signal_quota_here();
/// Throws for a signal that could not be queued: Trouble::limit if others have used up the queue.
[[noreturn]] void refuse_signal(const Result& failed, int number);

/// The receiver's side: counts what it takes. One thread.
class SignalTally {
 public:
  SignalTally(std::span<Slot> slots, SignalQuota& quota);

  /// From now on the slot's signals are those of this generation.
  void enter(std::uint32_t slot, std::uint32_t generation);
  /// One more of its signals is taken; wakes its sender if that waits for it.
  void count(std::uint32_t slot);
  /// To be called when somebody died, so that those who divide know how many are alive, and when
  /// somebody came, perhaps to the place of a dead one.
  template <class Lives>
  void count_dead(Lives lives) {
    std::uint32_t dead = 0;
    for (std::uint32_t i = 0; i < slots_.size(); ++i)
      dead += is_live(slots_[i]) && !lives(i) ? 1u : 0u;
    quota_.dead.store(dead, std::memory_order_relaxed);
  }

  static bool is_live(const Slot& slot) {
    return Tenure::unpacked(slot.tenure.load(std::memory_order_relaxed)).place == Place::live;
  }

 private:
  struct Owner {
    std::uint32_t generation = 0;
    std::uint32_t taken = 0;  ///< Of its signals, modulo 2^32.
  };
  std::span<Slot> slots_;
  SignalQuota& quota_;
  std::vector<Owner> owners_;
};

/// A sender's side: its part. One thread; after Seat::enter().
class SignalShare {
 public:
  SignalShare(Seat& seat, const SignalQuota& quota) : seat_(seat), quota_(quota) {}

  /// Whether one more may be sent.
  bool has_room();
  /// One more has been sent.
  void count();
  /// Nothing of ours is under way.
  bool is_idle() const { return under_way() == 0; }
  /// Waits, if our part is used up, until the receiver has taken half of what is under way (less
  /// would be a wake-up for every signal), Seat::kLook has passed, or the deadline.
  void wait(Deadline deadline);
  /// Waits until the deadline, for what nobody tells: that others leave room in the user's queue.
  void nap(Deadline deadline);

 private:
  std::uint32_t under_way() const;
  void divide();

  Seat& seat_;
  const SignalQuota& quota_;
  std::uint32_t sent_ = 0;  ///< Modulo 2^32.
  std::uint32_t share_ = 1;
};

}  // namespace ipc::sys

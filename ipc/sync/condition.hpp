// Waiting for something that a mutex guards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ipc/sync/mutex.hpp"
#include "ipc/sync/party.hpp"
#include "ipc/sync/word_lock.hpp"

namespace ipc::sync {

/// Who wants the guarded thing to be otherwise waits here, giving the mutex back meanwhile; who has
/// changed it notifies. A notification is for those who wait at that moment, the longest first; if
/// nobody does it is lost. Look at the guarded thing again after each wait: another may have been
/// there first.
///
/// When somebody dies, at any instruction: one who waits and dies swallows no notification: unless
/// wait() was over for it, the next in the queue has it within 50 ms. One who dies notifying has
/// notified as it was to, or nobody; and those notified learn it within 50 ms if it dies before it
/// wakes them. Whether a death has left the guarded thing half done is the mutex's to tell.
///
/// How: who waits writes a ticket into its own slot. How many of the oldest tickets of the living may
/// go is one word; who goes takes its own ticket away first and then one off that word.
class Condition {
 public:
  explicit Condition(const std::string& name, const Options& options = {});
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  /// What a wait brought, and how the mutex was found on the way back.
  struct [[nodiscard]] Told {
    Outcome outcome;              ///< ok or timed_out.
    Outcome mutex = Outcome::ok;  ///< ok or owner_died.
    explicit operator bool() const { return outcome == Outcome::ok; }
  };
  /// Gives the mutex back, however often this handle has taken it, and waits; no notification after
  /// that is missed. When it returns the mutex is had again, so often, be it after the deadline:
  /// that is waited for without one. Throws Error (EPERM) if this handle does not have it.
  Told wait(Mutex& mutex, Deadline deadline = Deadline::never());
  /// The same without a mutex: ok or timed_out.
  Outcome wait(Deadline deadline = Deadline::never());

  /// Lets the one go who waits longest; says whether anybody waited.
  bool notify_one();
  /// Lets all go who wait, and says how many.
  std::uint32_t notify_all();
  /// How many wait now, those left out who have been notified and are about to go.
  std::uint32_t waiting();

  /// Party::heed().
  void heed(Stop& stop) { party_.heed(stop); }
  const sys::Path& path() const { return party_.path(); }

 private:
  std::uint32_t enter();
  Outcome sleep(std::uint32_t bell, Deadline deadline);
  bool may_go(std::uint32_t pending) const;
  std::vector<Entry> queue() const;
  std::vector<Entry> living(std::vector<Entry> all) const;

  Party party_;
};

}  // namespace ipc::sync

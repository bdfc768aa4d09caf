// A mutex that the death of its holder frees.
#pragma once

#include <optional>
#include <string>

#include "ipc/sync/party.hpp"
#include "ipc/sync/word_lock.hpp"

namespace ipc::sync {

enum class Recursion {
  forbidden,  ///< lock() by who has it already throws.
  counted,    ///< It is given back by as many calls of unlock().
};

/// Mutual exclusion among handles, in whichever processes (or threads: a handle each) they are. Taken
/// and given back without a system call while nobody else wants it.
///
/// When somebody dies, at any instruction: a holder's death frees the mutex within 50 ms, and the
/// next lock() says owner_died, once, and has it; a holder that dies too without unlock() makes the
/// one after it hear the same. The death of one who waits, or who is being woken, delays the others
/// by 50 ms at most. A process that is stopped has not died and keeps what it has.
class Mutex {
 public:
  explicit Mutex(const std::string& name, const Options& options = {},
                 Recursion recursion = Recursion::forbidden);
  /// If this handle has the mutex the next one is told owner_died.
  ~Mutex();
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// Waits until it has the mutex or the deadline passes; with a deadline that has passed already it
  /// takes it if it is free or its holder is dead. Throws Error (EDEADLK) if this handle has it and
  /// may not have it twice.
  Outcome lock(Deadline deadline = Deadline::never());
  /// Throws Error (EPERM) if this handle does not have it.
  void unlock();

  /// Whether this handle has it.
  bool is_held() const { return depth_ > 0; }
  /// The process that has it as that process says; outdated as soon as it is returned.
  std::optional<pid_t> holder() const;
  /// Party::heed().
  void heed(Stop& stop) { party_.heed(stop); }
  const sys::Path& path() const { return party_.path(); }

 private:
  friend class Condition;
  /// Gives it back however often it was taken, and takes it so often again.
  unsigned release();
  Outcome retake(unsigned depth);

  Party party_;
  Recursion recursion_;
  unsigned depth_ = 0;
};

}  // namespace ipc::sync

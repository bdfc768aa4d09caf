// One who uses a synchronisation object: its place there, and the proof that it lives.
//
// The object is one file under its name, made by whoever comes first, mapped by all. It is its own
// lease: each party keeps one byte of it locked, through the mapping (sys/lock.hpp), so that the
// kernel tells who lives, whatever a dead one has left in its words. Comings and goings take turns
// by another byte, the door:
//
//   making    the file is made without a name (O_TMPFILE), whole and with its maker in slot 0, and
//             then linked to its name, which of two who come at once one can do. A maker that is
//             killed leaves nothing.
//   joining   open, take the door, see that the name still is this file, take a free slot. Who
//             finds nobody there and nothing worth keeping removes the file and makes it anew.
//   leaving   take the door, give the own byte back; the last removes the file, unless its state
//             differs from that of a new one (an event that is set, permits that were posted).
//
// Killed at any instruction of these a party leaves at most the file, for the next to find.
//
// Whoever may write to the file can also cut it short or overwrite it. The first is a SIGBUS at the
// next touch, caught (sys/sigbus.hpp); of what is overwritten nothing is believed that could lead
// beyond the mapping. Both end as Trouble::corrupt, and never by a signal. What is not promised is
// that counts and locks are right in an object that somebody else has written into.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipc/sync/page.hpp"
#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/lock.hpp"
#include "ipc/sys/name.hpp"
#include "ipc/sys/sigbus.hpp"

namespace ipc::sync {

/// What every kind of object is told when it is opened; it counts for whoever makes it.
struct Options {
  mode_t mode = 0600;  ///< Exactly, whatever the umask.
  std::uint32_t max_parties = kUsualParties;
};

/// Party::heed()
using Stop = std::atomic<std::uint32_t>;

struct Terms {
  Kind kind;
  std::array<std::uint32_t, 2> numbers{};  ///< Page::numbers.
  std::array<const char*, 2> names{};      ///< What they are called in a refusal.
  bool any_numbers = false;                ///< Those of an object that is there are as good.
  std::uint32_t state = 0;                 ///< The first word of the state at first.
};

/// What a party has written into its slot.
struct Entry {
  Identity who;
  std::uint64_t word = 0;
};

/// One thread at a time: threads that share an object open it each for itself, and then exclude each
/// other like processes. In a forked child the functions throw std::logic_error, and the destructor
/// does nothing. The destructor is the good end; every other end, exec(3) included, is a death. Its
/// threads must not block SIGBUS.
class Party {
 public:
  /// Joins what stands under `name`, or makes it. Throws Trouble::corrupt if it is something else or
  /// of another version, Trouble::invalid if it was made with other numbers, Trouble::limit if all
  /// places are taken.
  Party(const std::string& name, const Terms& terms, const Options& options);
  ~Party();
  Party(const Party&) = delete;
  Party& operator=(const Party&) = delete;

  const sys::Path& path() const { return path_; }
  Page& page() const { return *static_cast<Page*>(mapping_.data()); }
  template <class State>
  State& state() const {
    return state_of<State>(page());
  }
  Identity identity() const { return identity_; }
  /// The own slot, and that of another.
  Slot& slot() const { return slot(identity_); }
  Slot& slot(Identity who) const { return all_slots()[who.slot]; }
  /// All that have ever had a party.
  std::span<Slot> slots() const;

  /// Asks the kernel, 0.5 µs.
  bool lives(Identity who) const;
  /// All that have written something into their slots, with what they have written. In turn only
  /// (word_lock.hpp): then nobody else writes anything but 0.
  std::vector<Entry> entries() const;

  /// Its process as it says; outdated as soon as it is returned.
  std::optional<pid_t> pid_of(Identity who) const;

  /// Throws std::logic_error in a forked child.
  void check_fork() const {
    if (!is_ours()) complain();
  }
  /// Throws Trouble::corrupt if the file is not what it was. What was read from it before is to be
  /// believed only afterwards.
  void check_file() const {
    if (lost_.load(std::memory_order_relaxed) || page().end.load(std::memory_order_relaxed) != kEnd)
      complain();
  }
  void check() const {
    check_fork();
    check_file();
  }
  bool is_ours() const { return fork_generation_ == sys::fork_generation(); }

  /// From now on waiting ends, as if timed out, as soon as the word is not 0. Whoever changes it, a
  /// signal handler perhaps, wakes it by FUTEX_WAKE, futex(2). It must outlive this.
  void heed(Stop& stop) { stop_ = &stop; }
  bool is_stopped() const { return stop_ != nullptr && stop_->load() != 0; }
  /// Sleeps on a futex word, as sys::wait_futex does, or until it is stopped. Throws what check() does,
  /// five seconds later at the most.
  void sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline,
             const char* why) const;

 private:
  bool join(const Terms& terms);
  bool make(const Terms& terms, const Options& options);
  void claim(int file);
  void hold(int file, std::uint32_t max_parties);
  void leave() noexcept;
  void unmap();
  void discard(const Page& last, const char* why) const;
  [[noreturn]] void complain() const;
  Slot* all_slots() const;

  sys::Path path_;
  std::string full_;
  Identity identity_;
  std::uint32_t max_parties_ = 0;  ///< As the page said when it was found to be sound.
  sys::Mapping mapping_;           ///< Holds the lock on our byte.
  std::atomic<bool> lost_{false};
  std::optional<sys::SigbusGuard> guard_;
  sys::Fd query_;  ///< Another open file: an open file's own locks are invisible to it.
  std::uint64_t inode_ = 0;
  std::uint64_t fork_generation_ = 0;
  Stop* stop_ = nullptr;
};

/// How often somebody who waits for others looks whether they live: nobody waits for a dead one for
/// 100 ms, and an idle one is woken 20 times a second.
inline constexpr auto kLook = std::chrono::milliseconds(50);

/// When to look: the first time soon, because one may have come after the death.
class Looks {
 public:
  bool are_due() {
    if (!next_.expired()) return false;
    next_ = Deadline::after(kLook);
    return true;
  }
  Deadline until(Deadline deadline) const { return std::min(deadline, next_); }

 private:
  Deadline next_ = Deadline::after(std::chrono::milliseconds(1));
};

}  // namespace ipc::sync

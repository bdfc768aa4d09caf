// A list of values that processes share by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ipc/sync/edition.hpp"
#include "ipc/sync/party.hpp"
#include "ipc/sync/word_lock.hpp"

namespace ipc::sync {

enum class End { front, back };

/// Values, each any bytes, in an order. Whoever puts in or takes off does it to all values of one call
/// or to none; one at a time. Who reads waits for nobody, and sees the list as it was at one moment.
/// It stays when nobody uses it, unless it is empty. Up to kMostListBytes. One user: mode 0600.
///
/// How: a list has one edition in force at any time, which is never changed (edition.hpp). Who wants
/// it otherwise takes the list's lock (word_lock.hpp), makes a new edition beside it, and publishes
/// that by one system call, which moves the version on and wakes those who wait. So a list has no
/// size that it could outgrow: each edition is as large as it must be. The price is that a change
/// costs a copy of the list: some 30 µs, and 40 ns more for each value of ten bytes (bench-sync).
///
/// When somebody dies, at any instruction, the lock is free within 50 ms for who waits and at once for
/// who comes, and the list is
///
///   before that system call   as it was. What was to be put in or taken off has not been. A segment
///                             half made stays in /dev/shm until the next change
///   after it                  as it was to be. What a pop() took has gone with the process. The
///                             edition before stays in /dev/shm until the next change
///   reading, waiting          as it was
///
/// So there is never more than one edition too many. Nothing is repaired, since nothing is ever half
/// changed where anybody looks.
///
/// A process that is stopped in a change makes others who want one wait until it goes on or dies, or
/// until their deadline, but for two seconds in any case: a change is waited for that long even by
/// who does not want to wait.
///
/// When somebody writes into it: an edition is copied and compared with its check before it is used,
/// and what leads to it is sealed in the same way. What was overwritten, truncated or removed by chance
/// is told as Trouble::corrupt, and never a signal or a wild read; after clear() the list is usable
/// again. Against somebody who forges the checks there is no such promise: whoever may write there is
/// this user, or root, and needs no such detour. If the file of its name is removed by others
/// (rm(1)), the segment in /dev/shm stays for ever; clear() takes both along.
class List {
 public:
  explicit List(const std::string& name);
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  /// Puts values in at one end; at the front, too, the last of them is the outermost, as if they were
  /// put in one after the other. ok or timed_out, if others had the lock all the time. Throws
  /// Trouble::limit if they would be more than a list or /dev/shm can hold; then none is in.
  Outcome push(End end, std::span<const std::string_view> values,
               Deadline deadline = Deadline::never());
  Outcome push(End end, std::string_view value, Deadline deadline = Deadline::never()) {
    return push(end, {&value, 1}, deadline);
  }

  struct [[nodiscard]] Popped {
    Outcome outcome;  ///< ok or timed_out.
    Values values{};  ///< In the order in which they were taken off.
    explicit operator bool() const { return outcome == Outcome::ok; }
  };
  /// Waits until there is a value, and takes off as many as there are, at most `most`, which is at
  /// least 1.
  Popped pop(End end, std::size_t most = 1, Deadline deadline = Deadline::never());

  /// All of it, the front first. Does not wait.
  Values values();
  /// Takes all off, be it damaged. ok or timed_out.
  Outcome clear(Deadline deadline = Deadline::never());

  /// Counts the changes: the number of the last edition that a call of this handle made or met. With
  /// it the calls of several processes can be put in the order in which they happened.
  std::uint32_t edition() const { return edition_; }

  /// Party::heed().
  void heed(Stop& stop) { party_.heed(stop); }
  const sys::Path& path() const { return party_.path(); }

 private:
  class Change;
  struct Mark {
    std::uint32_t version;
    std::uint64_t token;
    EditionMark edition;
  };
  Mark mark() const;
  void load();
  void publish();
  std::uint64_t token();
  [[noreturn]] void complain(const std::string& reason) const;

  Party party_;
  std::uint32_t owner_;
  Values values_;  ///< Of the edition edition_, as long as that is the one in force.
  bool is_loaded_ = false;
  std::uint32_t edition_ = 0;
};

}  // namespace ipc::sync

// A lock in one word of shared memory that says by itself who has it.
//
//     bits  0-15   the holder's slot + 1; 0 is free
//     bit     16   somebody may be asleep here: wake one when giving it back
//     bit     17   only while free: the last holder has gone without giving it back
//     bits 32-63   the generation of the holder's slot
//
// Taking it and writing down who took it is one instruction, and so is giving it back; so there is
// no instruction between which a SIGKILL could leave a lock of nobody. A holder that dies leaves its
// name there. Who waits asks the kernel whether that party lives, and if not puts its own name in the
// place of just that name: of several who try one succeeds, and since names never come again nobody
// is robbed who has taken it meanwhile.
//
// Lost wake-ups: a party killed between giving the lock back and waking somebody, or between being
// woken and taking the lock, leaves a free word and sleepers. They look at the word whenever they
// look after the holder, that is within 50 ms.
#pragma once

#include <atomic>
#include <cstdint>

#include "ipc/sync/party.hpp"
#include "ipc/sys/deadline.hpp"

namespace ipc::sync {

enum class [[nodiscard]] Outcome{
    ok, timed_out,
    owner_died,  ///< It is ours, and the last holder died with it: what it guards may be half done.
};

/// Whether Party::heed() counts.
enum class Stops { heeded, ignored };

/// Takes the lock for `party`, which must not have it.
Outcome take(std::atomic<std::uint64_t>& word, const Party& party, Deadline deadline,
             Stops stops = Stops::heeded);
/// Gives it back.
void give(std::atomic<std::uint64_t>& word);
/// Leaves it for the next, who is told owner_died.
void forsake(std::atomic<std::uint64_t>& word);
/// Who has it, with generation 0 if nobody.
Identity holder_of(const std::atomic<std::uint64_t>& word);

/// The lock of an object's own words, while one party changes them.
///
/// Nobody has to repair anything after a death inside: each change of an object is arranged so that
/// one store makes it, and all before that store means nothing.
class Turn {
 public:
  /// For what has no deadline. A party that somebody stopped (SIGSTOP) inside its turn makes all
  /// others wait until it goes on or dies.
  explicit Turn(const Party& party) : Turn(party, Deadline::never()) {}
  /// For what has one. A turn takes nanoseconds, so that one is granted some time for it in any
  /// case: `at_once` is no reason to give up because another looks as well.
  Turn(const Party& party, Deadline deadline);
  ~Turn() { end(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// False if it was not to be had in time.
  explicit operator bool() const { return has_; }
  void end();

 private:
  std::atomic<std::uint64_t>& word_;
  bool has_;
};

}  // namespace ipc::sync

// A point that nobody passes before so many have come to it.
#pragma once

#include <cstdint>
#include <string>

#include "ipc/sync/party.hpp"
#include "ipc/sync/word_lock.hpp"

namespace ipc::sync {

/// So many meet; the last one to come lets all go, and the next round begins.
///
/// When somebody dies, at any instruction: one who waits and dies is not counted, and another must
/// come in its place; one who dies as the last that was awaited has let all go, or has not come: one
/// system call ends the round and wakes them, so that who waits need not look. One whose deadline
/// passes is not counted either, and is told that, or the end of the round, as the others see it.
///
/// How: who waits writes the number of the round into its own slot, and who comes counts the slots of
/// the living.
class Barrier {
 public:
  /// If it is there, it must have been made for the same number; 1 to Options::max_parties.
  Barrier(const std::string& name, std::uint32_t count, const Options& options = {});
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  struct [[nodiscard]] Met {
    Outcome outcome;    ///< ok or timed_out.
    bool last = false;  ///< It is this one who let the others go: one in each round.
    explicit operator bool() const { return outcome == Outcome::ok; }
  };
  Met wait(Deadline deadline = Deadline::never());

  /// How many wait now.
  std::uint32_t waiting();
  /// Party::heed().
  void heed(Stop& stop) { party_.heed(stop); }
  const sys::Path& path() const { return party_.path(); }

 private:
  std::uint32_t count(std::uint64_t mark, bool living) const;

  Party party_;
};

}  // namespace ipc::sync

// A clock that several share: all who wait for it go on at the same moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ipc/sync/party.hpp"
#include "ipc/sync/word_lock.hpp"

namespace ipc::sync {

/// A timer is off, or it is due at some moment, and if it has a period again and again. Who waits
/// goes on when it is due the next time after the wait began. One that has no period is off again
/// afterwards. The clock is CLOCK_MONOTONIC: a step of the wall clock changes nothing, and it stands
/// still while the machine is suspended.
///
/// When somebody dies, at any instruction: the timer has no holder and runs on; nobody is needed to
/// make it due, because each who waits keeps the time himself. A start() or stop() under way has
/// happened and woken all, or neither.
class Timer {
 public:
  using Clock = Deadline::Clock;

  explicit Timer(const std::string& name, const Options& options = {});
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Due at `due`, and every `period` from then on unless that is zero. Who waits now waits for this
  /// instead.
  void start(Clock::time_point due, std::chrono::nanoseconds period = {});
  /// The same unless it is running already; says whether it did.
  bool start_if_off(Clock::time_point due, std::chrono::nanoseconds period = {});
  void stop();
  bool is_running() const;

  /// ok or timed_out. While the timer is off, waits for somebody to start it.
  Outcome wait(Deadline deadline = Deadline::never());

  /// Party::heed().
  void heed(Stop& stop) { party_.heed(stop); }
  const sys::Path& path() const { return party_.path(); }

 private:
  struct Setting {
    std::uint32_t version;
    std::int64_t due;
    std::int64_t period;
  };
  Setting setting() const;
  void put(std::int64_t due, std::int64_t period);

  Party party_;
};

}  // namespace ipc::sync

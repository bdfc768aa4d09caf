// A point in time until which a caller is willing to wait.
//
// Deadlines, not time-outs: a time-out that is started again after every interruption never ends
// (a timer at 1 kHz is enough), and one that is handed down through three calls is three times as
// long as its caller meant. The clock is CLOCK_MONOTONIC, so a step of the wall clock changes
// nothing.
#pragma once

#include <chrono>
#include <compare>
#include <ctime>

namespace ipc {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC on Linux

  /// Waits for ever.
  static constexpr Deadline never() { return Deadline(Clock::time_point::max()); }
  /// Does not wait: what is there is taken, what fits is put.
  static constexpr Deadline at_once() { return Deadline(Clock::time_point::min()); }
  static constexpr Deadline at(Clock::time_point when) { return Deadline(when); }
  /// `span` from now; a span too long for the clock is never().
  static Deadline after(std::chrono::nanoseconds span);

  constexpr bool is_never() const { return when_ == Clock::time_point::max(); }
  constexpr bool is_at_once() const { return when_ == Clock::time_point::min(); }
  constexpr Clock::time_point when() const { return when_; }

  /// True from the deadline on, never before it.
  bool expired() const;
  /// What is left, never negative; the longest span for never().
  std::chrono::nanoseconds left() const;
  /// What is left in the form that ppoll(2) and futex(2) take.
  std::timespec left_timespec() const;

  friend constexpr auto operator<=>(Deadline a, Deadline b) = default;

 private:
  explicit constexpr Deadline(Clock::time_point when) : when_(when) {}
  Clock::time_point when_;
};

}  // namespace ipc

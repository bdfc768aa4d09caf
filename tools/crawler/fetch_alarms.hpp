// Alarms that all have the same span, so that they fall due in the order in which they were set: a
// queue instead of a heap, and nothing to cancel. Part of fetch.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

namespace crawler {

/// `Who` is what an alarm is about; it must outlive the alarms. An alarm holds only while the token
/// in Who has the value that it had when the alarm was set: change the token to call it off.
template <class Who>
class Alarms {
 public:
  using Clock = std::chrono::steady_clock;

  Alarms(std::chrono::milliseconds span, std::uint64_t Who::*token) : span_(span), token_(token) {}

  void set(Who& who) {
    drop_stale();
    queue_.push_back({Clock::now() + span_, &who, who.*token_});
  }

  /// When the next one rings.
  std::optional<Clock::time_point> next() {
    drop_stale();
    return queue_.empty() ? std::nullopt : std::optional(queue_.front().due);
  }

  /// Calls ring(who) for each that is due; it may set new ones.
  template <class Ring>
  void expire(Clock::time_point now, Ring ring) {
    while (next() && queue_.front().due <= now) {
      Who& who = *queue_.front().who;
      queue_.pop_front();
      ring(who);
    }
  }

 private:
  struct Alarm {
    Clock::time_point due;
    Who* who;
    std::uint64_t token;
  };

  // So that the queue is as long as the work under way, not as what was done within the span.
  void drop_stale() {
    while (!queue_.empty() && queue_.front().who->*token_ != queue_.front().token)
      queue_.pop_front();
  }

  std::chrono::milliseconds span_;
  std::uint64_t Who::*token_;
  std::deque<Alarm> queue_;
};

}  // namespace crawler

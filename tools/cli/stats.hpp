// How much went over a channel, and how fast.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tools {

class Stats {
 public:
  /// The clock runs from the first message, so that waiting for the other side does not count.
  void count(std::size_t bytes);
  std::uint64_t messages() const { return messages_; }
  /// "1000 messages, 6888 bytes in 0.012 s: 83333 messages/s, 0.6 MB/s"
  std::string sentence() const;

 private:
  using Clock = std::chrono::steady_clock;
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
  Clock::time_point first_;
};

}  // namespace tools

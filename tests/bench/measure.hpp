// The two loops, the same for every channel.
#pragma once

#include <chrono>
#include <cstddef>

#include "tests/bench/channel.hpp"

namespace bench {

/// Where the two processes run: on one processor each, both on one, or wherever the kernel likes.
enum class Pin { split, same, none };

struct Plan {
  std::size_t size = 64;  ///< Bytes of a message; at least 8.
  std::chrono::nanoseconds span{};
  Pin pin = Pin::split;
};

/// Of one side, for each message (or round trip).
struct Cost {
  double cpu = 0;       ///< Nanoseconds of processor time, user and system.
  double switches = 0;  ///< Context switches of any kind.
};

struct OneWay {
  double rate = 0;  ///< Messages a second, as the receiver counts them.
  Cost sender;
  Cost receiver;
};

struct RoundTrip {
  double p50 = 0, p99 = 0, p999 = 0, most = 0;  ///< Nanoseconds.
  Cost sides;                                   ///< Of both together.
};

/// Sends messages of plan.size bytes for plan.span, after a warm-up, as fast as the receiver takes
/// them. The sender writes a number into each; the receiver reads 8 bytes of every 64, and throws if
/// the numbers or the bytes are not as they were.
OneWay one_way(Channel& channel, const Plan& plan);

/// Sends a message there and waits for its like to come back, again and again.
RoundTrip round_trip(Channel& there, Channel& back, const Plan& plan);

}  // namespace bench

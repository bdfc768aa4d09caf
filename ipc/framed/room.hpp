// How a receiver tells its senders that there is room again, for channels that tell nobody.
//
// Two words that all of them map. A sender that finds the channel full says that it wants room,
// tries once more, and sleeps on the bell; the receiver looks whether anybody wants some after each
// thing that it takes, and pays for a system call only if so. A sender that is killed meanwhile
// leaves one superfluous ring.
#pragma once

#include <atomic>
#include <cstdint>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::framed {

/// Lies in shared memory; all zero is the beginning.
class Room {
 public:
  /// Sender: says that it wants room. It must look for room once more before it sleeps until the
  /// bell is no longer at the value returned.
  std::uint32_t want() {
    const auto seen = bell_.load(std::memory_order_relaxed);
    wanted_.store(1, std::memory_order_relaxed);
    // Sequentially consistent with tell(): either the receiver sees that we want room, or our next
    // attempt finds what it has made.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return seen;
  }
  void wait(std::uint32_t seen, Deadline deadline, const char* why) {
    sys::wait_futex(bell_, seen, deadline, why);
  }

  /// Receiver: something has been taken off the channel.
  void tell(const char* why) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (wanted_.load(std::memory_order_relaxed) == 0) return;
    wanted_.store(0, std::memory_order_relaxed);
    bell_.fetch_add(1, std::memory_order_relaxed);
    sys::wake_futex(bell_, why);
  }

 private:
  std::atomic<std::uint32_t> wanted_;
  std::atomic<std::uint32_t> bell_;
};

/// The other direction: whether the receiver sleeps and wants to be woken.
class Sleeper {
 public:
  /// Receiver: about to sleep. It must look at the channel once more before it does.
  void sleeps() {
    asleep_.store(1, std::memory_order_relaxed);
    // Sequentially consistent with is_to_be_woken(): either the sender sees that we sleep, or our
    // next look finds what it has put.
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void is_awake() { asleep_.store(0, std::memory_order_relaxed); }

  /// Sender: something has been put into the channel. True for one sender, who must ring.
  bool is_to_be_woken() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return asleep_.load(std::memory_order_relaxed) != 0 &&
           asleep_.exchange(0, std::memory_order_relaxed) != 0;
  }

 private:
  std::atomic<std::uint32_t> asleep_;
};

}  // namespace ipc::framed

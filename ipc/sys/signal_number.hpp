// A real-time signal number that one receiver of this process has for itself.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>

namespace ipc::sys {

/// Blocks the signal in this thread for its life; one thread constructs and destroys it, and it is
/// not for forked children. While it lives no thread may unblock the signal.
class SignalNumber {
 public:
  /// `wanted`, or else the first real-time signal from SIGRTMIN+4 on that nothing in this process
  /// uses. Throws Trouble::invalid if it is none of the real-time signals or if another thread does
  /// not block it (start threads afterwards, or block it in all of them), Trouble::in_use if another
  /// receiver of this process has it.
  explicit SignalNumber(std::optional<int> wanted);
  /// From now on the signal is ignored: one that is on its way must not kill this process.
  ~SignalNumber();
  SignalNumber(const SignalNumber&) = delete;
  SignalNumber& operator=(const SignalNumber&) = delete;

  /// Tries, on this process itself, whether the kernel hands over all of a QueuedSignal as it was
  /// sent: sigqueue(3) promises no more than the first 8 bytes. To be asked before anybody else sends.
  bool carries_all(int code) const;

  int get() const { return number_; }
  const sigset_t& set() const { return set_; }

 private:
  int number_;
  sigset_t set_;
  bool was_blocked_ = false;
  std::uint64_t fork_generation_;
};

}  // namespace ipc::sys

#include "ipc/sys/signal_number.hpp"

#include <unistd.h>

#include <atomic>
#include <string>

#include "ipc/sys/lock.hpp"
#include "ipc/sys/signal.hpp"

namespace ipc::sys {
namespace {

// The first four are left to others: glibc keeps two below SIGRTMIN, and people take the next ones.
constexpr int kFirst = 4;

// Bit n: signal n is some receiver's.
constinit std::atomic<std::uint64_t> used = 0;

std::uint64_t bit_of(int number) {
  return std::uint64_t{1} << (number - 1);
}

// Relaxed: nothing but the bit itself is agreed on.
bool try_use(int number) {
  return (used.fetch_or(bit_of(number), std::memory_order_relaxed) & bit_of(number)) == 0;
}

int choose(std::optional<int> wanted) {
  if (wanted) {
    if (*wanted < SIGRTMIN || *wanted > SIGRTMAX)
      throw Error(Trouble::invalid, EINVAL,
                  "signal " + std::to_string(*wanted) + ": only real-time signals queue, " +
                      std::to_string(SIGRTMIN) + " (SIGRTMIN) to " + std::to_string(SIGRTMAX));
    if (!try_use(*wanted))
      throw Error(Trouble::in_use, EADDRINUSE,
                  signal_name(*wanted) + ": another receiver of this process has it");
    return *wanted;
  }
  for (int number = SIGRTMIN + kFirst; number <= SIGRTMAX; ++number)
    if (!has_handler(number) && try_use(number)) return number;
  throw Error(Trouble::limit, EAGAIN,
              "all real-time signals from SIGRTMIN+" + std::to_string(kFirst) + " to " +
                  signal_name(SIGRTMAX) + " are used in this process, one for each receiver");
}

}  // namespace

SignalNumber::SignalNumber(std::optional<int> wanted)
    : number_(choose(wanted)), fork_generation_(fork_generation()) {
  ::sigemptyset(&set_);
  ::sigaddset(&set_, number_);
  bool is_blocked = false;
  try {
    sigset_t before;
    (void)block_signals(set_, before, "kept for us; unblocked it would kill")
        .check(signal_name(number_));
    is_blocked = true;
    was_blocked_ = ::sigismember(&before, number_) == 1;
    if (const auto thread = thread_not_blocking(number_))
      throw Error(Trouble::invalid, EINVAL,
                  signal_name(number_) + ": thread " + std::to_string(*thread) +
                      " of this process does not block it and would be killed by it: listen before "
                      "threads are started, or block it in all of them");
    // Default, not ignored: if a thread unblocks it later, that is an end that can be seen, where an
    // ignored signal would be a message lost.
    (void)set_disposition(number_, SIG_DFL, "it waits while it is blocked")
        .check(signal_name(number_));
  } catch (...) {  // whatever it was: there will be no destructor to give the number back
    if (is_blocked && !was_blocked_) (void)unblock_signals(set_, "as it was before");
    used.fetch_and(~bit_of(number_), std::memory_order_relaxed);
    throw;
  }
}

SignalNumber::~SignalNumber() {
  if (fork_generation_ != fork_generation()) return;
  (void)set_disposition(number_, SIG_IGN, "one that is still on its way must not kill us");
  if (!was_blocked_) (void)unblock_signals(set_, "as it was before");
  used.fetch_and(~bit_of(number_), std::memory_order_relaxed);
}

bool SignalNumber::carries_all(int code) const {
  const Fd self(open_pidfd(::getpid(), "to try on ourselves").check("").fd());
  QueuedSignal sent{number_, 0x5aa5c33c, code, ::getpid(), ::getuid(), {}};
  for (std::size_t i = 0; i < sent.bytes.size(); ++i) sent.bytes[i] = std::byte(0xff - 7 * i);
  if (!queue_signal(self.get(), sent, "does this kernel carry 24 bytes?").ok()) return false;
  QueuedSignal got;
  const auto deadline = Deadline::after(std::chrono::seconds(1));
  while (!deadline.expired()) {
    if (!take_signal(set_, got, deadline, "did it?").ok()) continue;
    if (got.pid == sent.pid && got.code == code)
      return got.error == sent.error && got.bytes == sent.bytes;
  }
  return false;
}

}  // namespace ipc::sys

// System calls on signals, signal(7). A signal that is queued carries a little data; this is the
// part of siginfo_t (sigaction(2)) that the kernel copies as it is.
#pragma once

#include <sys/types.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "ipc/sys/call.hpp"
#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"

namespace ipc::sys {

/// One queued signal. The sender fills in all of it, pid and uid too: they prove nothing unless
/// `code` is SI_USER, which only the kernel can set.
struct QueuedSignal {
  int number = 0;
  int error = 0;  ///< si_errno, which nobody uses.
  int code = 0;   ///< SI_QUEUE for sigqueue(3); any negative number is ours to choose.
  pid_t pid = 0;
  uid_t uid = 0;
  /// si_value and what follows it. sigqueue(3) uses and promises the first 8 bytes; Linux copies all
  /// 24 of its 48-byte struct kernel_siginfo, and whether that is so must be tried.
  std::array<std::byte, 24> bytes{};
};

/// pidfd_open(2): refers to this process and none that gets its pid later.
Result open_pidfd(pid_t pid, const char* why);
/// pidfd_send_signal(2) of a number alone, as by kill(2). 0 sends nothing and tells whether we may.
Result signal_process(int pidfd, int number, const char* why);
/// pidfd_send_signal(2) with data, as by sigqueue(3). EAGAIN at the limit of the receiver's user.
Result queue_signal(int pidfd, const QueuedSignal& signal, const char* why);

/// rt_sigtimedwait(2): the next of the signals in `set`, which must be blocked in all threads.
/// EAGAIN if none comes until the deadline; EINTR by any other signal.
Result take_signal(const sigset_t& set, QueuedSignal& signal, Deadline deadline, const char* why);
/// signalfd(2): readable while any of `set` is pending. Only for poll.
Fd make_signalfd(const sigset_t& set, const char* why);

/// rt_sigprocmask(2) of this thread; which of `set` were blocked before.
Result block_signals(const sigset_t& set, sigset_t& before, const char* why);
Result unblock_signals(const sigset_t& set, const char* why);
/// sigaction(2) with SIG_IGN or SIG_DFL; SIG_IGN also throws away what is pending.
Result set_disposition(int number, void (*action)(int), const char* why);
/// Whether somebody has installed a handler.
bool has_handler(int number);
/// A thread of this process that does not block the signal: the process would die of it.
std::optional<pid_t> thread_not_blocking(int number);

/// RLIMIT_SIGPENDING of this process: queued signals of all processes of its user.
std::size_t pending_limit();
/// "SIGUSR1", "SIGRTMIN+3"
std::string signal_name(int number);

}  // namespace ipc::sys

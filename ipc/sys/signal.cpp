#include "ipc/sys/signal.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "ipc/sys/file.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

// glibc 2.36 declares these two in <sys/pidfd.h> without saying that they are C.
int pidfd_open(pid_t pid, unsigned flags) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, flags));
}
int pidfd_send_signal(int pidfd, int number, siginfo_t* info, unsigned flags) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, number, info, flags));
}

// The kernel's own layout, include/uapi/asm-generic/siginfo.h, on machines with 64-bit pointers:
// number, errno, code, padding; then pid, uid and the value with what follows it.
struct Layout {
  int number;
  int error;
  int code;
  int padding;
  pid_t pid;
  uid_t uid;
  std::array<std::byte, 24> bytes;
};
static_assert(sizeof(Layout) == 48 && sizeof(Layout) <= sizeof(siginfo_t));
static_assert(offsetof(siginfo_t, si_pid) == offsetof(Layout, pid) &&
              offsetof(siginfo_t, si_value) == offsetof(Layout, bytes));

std::string shown_set(const sigset_t& set) {
  std::string names;
  for (int number = 1; number <= SIGRTMAX; ++number)
    if (::sigismember(&set, number) == 1)
      names += (names.empty() ? "" : " ") + signal_name(number).substr(3);
  return "[" + names + "]";
}

Result change_mask(int how, const char* shown_how, const sigset_t& set, sigset_t* before,
                   const char* why) {
  return perform(
      "rt_sigprocmask", why,
      [&] {
        const int error = ::pthread_sigmask(how, &set, before);
        if (error == 0) return 0;
        errno = error;
        return -1;
      },
      [&] { return shown::list(shown_how, shown_set(set), before ? "[]" : "NULL", 8); });
}

// What a line that begins with `name` says in /proc/PID/status, proc(5); 0 if there is none.
std::uint64_t number_of(const std::string& status, const std::string& name, int base) {
  const auto line = status.find("\n" + name);
  if (line == std::string::npos) return 0;
  return std::stoull(status.substr(line + 1 + name.size()), nullptr, base);
}

}  // namespace

Result open_pidfd(pid_t pid, const char* why) {
  return perform(
      "pidfd_open", why, [&] { return pidfd_open(pid, 0); }, [&] { return shown::list(pid, 0); });
}

Result signal_process(int pidfd, int number, const char* why) {
  return perform(
      "pidfd_send_signal", why, [&] { return pidfd_send_signal(pidfd, number, nullptr, 0); },
      [&] { return shown::list(pidfd, signal_name(number), "NULL", 0); });
}

Result queue_signal(int pidfd, const QueuedSignal& signal, const char* why) {
  siginfo_t info{};
  const Layout layout{signal.number, signal.error, signal.code, 0,
                      signal.pid,    signal.uid,   signal.bytes};
  std::memcpy(&info, &layout, sizeof layout);
  return perform(
      "pidfd_send_signal", why, [&] { return pidfd_send_signal(pidfd, signal.number, &info, 0); },
      [&] {
        return shown::list(pidfd, signal_name(signal.number),
                           "{si_code=" + std::to_string(signal.code) + ", ...}", 0);
      });
}

Result take_signal(const sigset_t& set, QueuedSignal& signal, Deadline deadline, const char* why) {
  siginfo_t info{};
  const std::timespec left = deadline.left_timespec();
  const Result result = perform_once(
      "rt_sigtimedwait", why,
      [&] { return ::sigtimedwait(&set, &info, deadline.is_never() ? nullptr : &left); },
      [&] { return shown::list(shown_set(set), "{}", deadline.is_never() ? "NULL" : "left", 8); });
  if (!result.ok()) return result;
  Layout layout{};
  std::memcpy(&layout, &info, sizeof layout);
  signal = {layout.number, layout.error, layout.code, layout.pid, layout.uid, layout.bytes};
  return result;
}

Fd make_signalfd(const sigset_t& set, const char* why) {
  return Fd(perform(
                "signalfd4", why, [&] { return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK); },
                [&] { return shown::list(-1, shown_set(set), 8, "SFD_CLOEXEC|SFD_NONBLOCK"); })
                .check("")
                .fd());
}

Result block_signals(const sigset_t& set, sigset_t& before, const char* why) {
  return change_mask(SIG_BLOCK, "SIG_BLOCK", set, &before, why);
}

Result unblock_signals(const sigset_t& set, const char* why) {
  return change_mask(SIG_UNBLOCK, "SIG_UNBLOCK", set, nullptr, why);
}

Result set_disposition(int number, void (*action)(int), const char* why) {
  struct sigaction wanted {};
  wanted.sa_handler = action;
  return perform(
      "rt_sigaction", why, [&] { return ::sigaction(number, &wanted, nullptr); },
      [&] {
        return shown::list(signal_name(number),
                           action == SIG_IGN ? "{sa_handler=SIG_IGN}" : "{sa_handler=SIG_DFL}",
                           "NULL", 8);
      });
}

bool has_handler(int number) {
  struct sigaction now {};
  const Result result = perform(
      "rt_sigaction", "does the program use it?",
      [&] { return ::sigaction(number, nullptr, &now); },
      [&] { return shown::list(signal_name(number), "NULL", "{}", 8); });
  if (!result.ok()) return true;
  return (now.sa_flags & SA_SIGINFO) != 0 ||
         (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
}

std::optional<pid_t> thread_not_blocking(int number) {
  const std::string tasks = "/proc/self/task";
  const Fd directory(open(tasks, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, "which threads are there?")
                         .check(tasks)
                         .fd());
  std::vector<std::string> threads;
  (void)read_directory(directory.get(), threads, "their numbers").check(tasks);
  for (const auto& thread : threads) {
    const auto status = read_text(tasks + "/" + thread + "/status", "does this thread block it?");
    // Of one that has ended the kernel tells nothing or, before it forgets it, that it is one of no
    // threads and blocks no signal.
    if (number_of(status, "Threads:", 10) == 0) continue;
    const auto blocked = number_of(status, "SigBlk:", 16);
    if ((blocked >> (number - 1) & 1) == 0) return static_cast<pid_t>(std::stol(thread));
  }
  return std::nullopt;
}

std::size_t pending_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_SIGPENDING, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::size_t>::max();
  return limit.rlim_cur;
}

std::string signal_name(int number) {
  if (number >= SIGRTMIN && number <= SIGRTMAX)
    return number == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(number - SIGRTMIN);
  const char* name = ::sigabbrev_np(number);
  return name ? std::string("SIG") + name : "SIG" + std::to_string(number);
}

}  // namespace ipc::sys

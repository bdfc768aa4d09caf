#include "tools/cli/stopping.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "ipc/sys/error.hpp"
#include "tools/cli/exit.hpp"

namespace tools {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

// What the handler touches. Lock-free atomics are the only objects that a handler may share with
// the program, signal-safety(7).
std::atomic<int> came = 0;
std::atomic<int> event = -1;
std::atomic<bool> insists = true;

extern "C" void remember(int signal) {
  const int kept = errno;
  if (signal == SIGALRM) {
    ::signal(came, SIG_DFL);
    ::raise(came);  // not blocked here, so this is the end
  } else if (came.exchange(signal) == 0) {
    const std::uint64_t one = 1;
    if (::write(event, &one, sizeof one) < 0) {
      // An eventfd takes 2^64 - 2 of these; and the alarm comes in any case.
    }
    if (insists) ::alarm(1);
  } else if (!insists) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);  // the end as soon as this handler returns, in which it is blocked
  }
  errno = kept;
}

extern "C" void do_nothing(int) {}

bool is_ignored(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

Stopping::Stopping(Farewell farewell)
    : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), pipe_ignored_(is_ignored(SIGPIPE)) {
  if (fd_ < 0) throw ipc::Error("eventfd", "", errno);
  event = fd_;
  insists = farewell == Farewell::tidy_up;
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a write to a stuck stdout has to return
  ::sigaction(SIGALRM, &action, nullptr);
  for (const int signal : kSignals)
    if (!is_ignored(signal)) ::sigaction(signal, &action, nullptr);
  // A handler rather than SIG_IGN, which the commands that we start would inherit.
  if (!pipe_ignored_) ::signal(SIGPIPE, do_nothing);
  // A parent that ignored it would have us never learn how our commands ended.
  ::signal(SIGCHLD, SIG_DFL);
}

Stopping::~Stopping() {
  for (const int signal : kSignals) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (now.sa_handler == remember) ::signal(signal, SIG_DFL);
  }
  ::alarm(0);
  ::signal(SIGALRM, SIG_DFL);
  event = -1;
  ::close(fd_);
}

std::optional<int> Stopping::signal() const {
  const int signal = came.load(std::memory_order_relaxed);
  if (signal == 0) return std::nullopt;
  return signal;
}

int Stopping::end_of_output() const {
  if (pipe_ignored_) throw Ending(Exit::error, "write stdout: Broken pipe");
  return SIGPIPE;
}

void die_of(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  // Not reached unless the default action is not to die; then the shell's number for it.
  ::_exit(128 + signal);
}

}  // namespace tools

#include "tools/sync/interruption.hpp"

#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>

namespace tools {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

// A lock-free atomic, the only kind of object that a handler may share with the program,
// signal-safety(7).
std::atomic<std::uint32_t> came = 0;

extern "C" void remember_and_wake(int signal) {
  const int kept = errno;
  came.store(static_cast<std::uint32_t>(signal));
  // The system call itself: the library's wrapper may be narrating, which no handler may do.
  ::syscall(SYS_futex, &came, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  errno = kept;
}

}  // namespace

Interruption::Interruption() {
  struct sigaction action {};
  action.sa_handler = remember_and_wake;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

Interruption::~Interruption() {
  restore();
}

void Interruption::stand_down() const {
  restore();
  if (const auto came_before = signal()) (void)::raise(*came_before);
}

void Interruption::restore() const {
  for (const int signal : kSignals) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (now.sa_handler == remember_and_wake) ::signal(signal, SIG_DFL);
  }
}

std::optional<int> Interruption::signal() const {
  const auto signal = came.load();
  if (signal == 0) return std::nullopt;
  return static_cast<int>(signal);
}

void Interruption::wait_readable(int fd) const {
  // Blocked but in ppoll(2) itself: else one that comes between the question and the sleep would not
  // end that.
  sigset_t ours{};
  sigset_t before{};
  sigemptyset(&ours);
  for (const int signal : kSignals) sigaddset(&ours, signal);
  ::sigprocmask(SIG_BLOCK, &ours, &before);
  pollfd watched{fd, POLLIN, 0};
  while (!signal() && ::ppoll(&watched, 1, nullptr, &before) < 0 && errno == EINTR) {
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

std::atomic<std::uint32_t>& Interruption::word() const {
  return came;
}

}  // namespace tools

#include "ipc/sys/wait.hpp"

#include <poll.h>
#include <sys/timerfd.h>

#include <array>
#include <ctime>
#include <span>

#include "ipc/sys/file.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

bool wait_for(int fd, short events, Deadline deadline, const char* why) {
  for (;;) {
    pollfd watched{fd, events, 0};
    const std::timespec left = deadline.left_timespec();
    const Result result = perform_once(
        "ppoll", why,
        [&] { return ::ppoll(&watched, 1, deadline.is_never() ? nullptr : &left, nullptr); },
        [&] {
          return shown::list("[{fd=" + std::to_string(fd) +
                                 (events == POLLIN    ? ", events=POLLIN}]"
                                  : events == POLLOUT ? ", events=POLLOUT}]"
                                                      : "}]"),
                             1, deadline.is_never() ? "NULL" : "left", "NULL", 8);
        });
    if (result.ok() && result.value > 0) return true;
    if (!result.ok() && result.error != EINTR) result.check("");
    // ppoll(2) may return up to a clock tick early on some kernels, and EINTR returns at any time.
    if (deadline.expired()) return false;
  }
}

}  // namespace

bool wait_readable(int fd, Deadline deadline, const char* why) {
  return wait_for(fd, POLLIN, deadline, why);
}

bool wait_writable(int fd, Deadline deadline, const char* why) {
  return wait_for(fd, POLLOUT, deadline, why);
}

void wait_until(Deadline deadline, const char* why) {
  (void)wait_for(-1, 0, deadline, why);  // poll(2) passes over a negative descriptor
}

std::chrono::nanoseconds coarse_now() {
  std::timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // in the vdso: no system call
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

Fd make_epoll(const char* why) {
  return Fd(perform(
                "epoll_create1", why, [] { return ::epoll_create1(EPOLL_CLOEXEC); },
                [] { return std::string("EPOLL_CLOEXEC"); })
                .check("")
                .fd());
}

void epoll_add(int epoll, int fd, const char* why) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  (void)perform(
      "epoll_ctl", why, [&] { return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event); },
      [&] { return shown::list(epoll, "EPOLL_CTL_ADD", fd, "{events=EPOLLIN}"); })
      .check("");
}

void epoll_remove(int epoll, int fd, const char* why) {
  (void)perform(
      "epoll_ctl", why, [&] { return ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr); },
      [&] { return shown::list(epoll, "EPOLL_CTL_DEL", fd, "NULL"); })
      .check("");
}

std::size_t epoll_wait(int epoll, std::span<epoll_event> events, Deadline deadline,
                       const char* why) {
  const auto most = static_cast<int>(events.size());
  const std::timespec left = deadline.left_timespec();
  const Result result = perform_once(
      "epoll_pwait2", why,
      [&] {
        return ::epoll_pwait2(epoll, events.data(), most, deadline.is_never() ? nullptr : &left,
                              nullptr);
      },
      [&] {
        return shown::list(epoll, "events", most, deadline.is_never() ? "NULL" : "left", "NULL", 8);
      });
  return result.error == EINTR ? 0 : result.check("").count();
}

Fd make_timer(const char* why) {
  return Fd(perform(
                "timerfd_create", why,
                [] { return ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); },
                [] { return std::string("CLOCK_MONOTONIC, TFD_CLOEXEC|TFD_NONBLOCK"); })
                .check("")
                .fd());
}

void set_timer(int timer, std::chrono::nanoseconds period, const char* why) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(period);
  const std::timespec span{static_cast<std::time_t>(seconds.count()),
                           static_cast<long>((period - seconds).count())};
  const itimerspec setting{span, span};
  (void)perform(
      "timerfd_settime", why, [&] { return ::timerfd_settime(timer, 0, &setting, nullptr); },
      [&] { return shown::list(timer, 0, "{" + std::to_string(period.count()) + " ns}", "NULL"); })
      .check("");
}

void clear_timer(int timer, const char* why) {
  std::array<std::byte, 8> expirations{};
  const Result result = read(timer, expirations, why);
  if (!result.ok() && result.error != EAGAIN) result.check("");
}

}  // namespace ipc::sys

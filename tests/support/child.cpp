#include "tests/support/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "tests/support/pace.hpp"

namespace test {
namespace {

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

// glibc 2.36 declares these two without extern "C", so that C++ cannot link them.
int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

int pidfd_send_signal(int pidfd, int number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0));
}

int run_body(const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child %d: %s\n", ::getpid(), error.what());
    return 99;
  }
}

void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(98);  // it died before the line above
}

}  // namespace

Child Child::start(const std::function<int()>& body, bool keep_descriptors) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    die_with(parent);
    // The test program's handlers would make a test failure of the end that was meant.
    for (const int number : {SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGTERM, SIGABRT, SIGALRM})
      std::signal(number, SIG_DFL);
    if (!keep_descriptors) ::close_range(3, UINT_MAX, 0);
    ::_exit(run_body(body));
  }
  const int pidfd = pidfd_open(pid);
  if (pidfd < 0) fail("pidfd_open");
  return {pid, pidfd};
}

Child Child::run(const std::function<int()>& body) {
  return start(body, false);
}

Child Child::forked(const std::function<int()>& body) {
  return start(body, true);
}

Child Child::exec(const std::vector<std::string>& command, int output) {
  return start(
      [&] {
        const int out = output >= 0 ? output : ::open("/dev/null", O_WRONLY);
        ::dup2(out, 1);
        ::close_range(3, UINT_MAX, 0);
        std::vector<char*> arguments;
        for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        ::execvp(arguments[0], arguments.data());
        std::perror(arguments[0]);
        return 127;
      },
      true);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::exchange(other.pidfd_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Child::~Child() {
  if (pidfd_ >= 0) kill();
}

bool Child::is_running() const {
  if (pidfd_ < 0) return false;
  pollfd ended{pidfd_, POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

void Child::signal(int number) const {
  if (pidfd_send_signal(pidfd_, number) != 0 && errno != ESRCH) fail("pidfd_send_signal");
}

int Child::wait(std::chrono::nanoseconds patience) {
  if (pidfd_ < 0) throw std::logic_error("wait for a child that has been waited for");
  const auto end = std::chrono::steady_clock::now() + allowed(patience);
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd ended{pidfd_, POLLIN, 0};
    const int ready = ::poll(&ended, 1, std::max(0, static_cast<int>(left.count())));
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready == 0)
      throw std::runtime_error("child " + std::to_string(pid_) + " has not ended in time");
  }
  siginfo_t how{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &how, WEXITED) != 0) fail("waitid");
  ::close(std::exchange(pidfd_, -1));
  return how.si_code == CLD_EXITED ? how.si_status : -how.si_status;
}

void Child::kill() {
  signal(SIGKILL);
  siginfo_t how{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &how, WEXITED) != 0 && errno == EINTR) {
  }
  ::close(std::exchange(pidfd_, -1));
}

std::string output_of(const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  Child child = Child::exec(command, ends[1]);
  ::close(ends[1]);
  std::string output;
  char room[4096];
  for (;;) {
    const ssize_t count = ::read(ends[0], room, sizeof room);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    output.append(room, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  if (const int status = child.wait(); status != 0)
    throw std::runtime_error(command.front() + " ended with " + std::to_string(status));
  return output;
}

}  // namespace test

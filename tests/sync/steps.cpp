#include "tests/sync/steps.hpp"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <exception>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "tests/support/guard.hpp"

namespace sync_test {
namespace {

constexpr int kFailed = 99;

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) fail("waitpid");
  return status;
}

[[noreturn]] void be_traced(const Script& script) {
  try {
    const auto act = script();
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kFailed);
    ::raise(SIGSTOP);
    act();
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "traced child: %s\n", error.what());
    ::_exit(kFailed);
  }
}

// One process that is killed after so many steps. Returns how many it took if it got through before.
std::uint64_t run_steps(const Script& script, std::uint64_t steps) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kFailed);
    ::close_range(3, UINT_MAX, 0);
    be_traced(script);
  }
  int status = wait_for(pid);
  if (!WIFSTOPPED(status)) throw std::runtime_error("a traced child ended before it began");
  for (std::uint64_t step = 0; step < steps; ++step) {
    if (::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0) fail("ptrace");
    status = wait_for(pid);
    if (WIFSTOPPED(status)) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return step;
    throw std::runtime_error("a traced child failed");
  }
  ::kill(pid, SIGKILL);
  (void)wait_for(pid);
  return 0;
}

}  // namespace

std::uint64_t kill_at_each_step(std::uint64_t most, const std::function<void()>& before,
                                const Script& script, const std::function<void(bool)>& after) {
  before();
  const auto all = run_steps(script, std::numeric_limits<std::uint64_t>::max());
  after(true);
  const auto stride = test::is_long() ? 1 : std::max<std::uint64_t>(1, all / most);
  for (std::uint64_t steps = 1;; steps += stride) {
    before();
    const bool through = run_steps(script, steps) != 0;
    after(through);
    if (through) return all;
  }
}

}  // namespace sync_test

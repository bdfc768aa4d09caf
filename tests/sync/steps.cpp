// The first process is stepped through by ptrace(2), which tells the addresses of its instructions.
// To step anew to each of them would take as many steps as their number squared, at 30 µs each; so
// the others run freely to a breakpoint there, as often as the first one came by. They are forks of
// one process: the addresses are the same in all.
#include "tests/sync/steps.hpp"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "tests/support/guard.hpp"
#include "tests/support/pace.hpp"

#if !defined(__x86_64__)
#error "breakpoints are set and addresses read as on x86-64; other processors need their own way"
#endif

namespace sync_test {
namespace {

constexpr int kFailed = 99;
constexpr std::size_t kMostInLong = 10'000;
constexpr long kBreakpoint = 0xcc;  // int3

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

class Traced {
 public:
  explicit Traced(const Script& script) {
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(kFailed);
      ::close_range(3, UINT_MAX, 0);
      be_traced(script);
    }
    wait();
    if (ended_) throw std::runtime_error("a traced child ended before it began");
  }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;
  ~Traced() {
    if (ended_) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  bool has_ended() const { return ended_; }
  std::uint64_t address() const { return registers().rip; }
  void step() { go_on(PTRACE_SINGLESTEP); }

  /// Runs until it is about to execute what stands at that address for the n-th time, or has ended.
  void run_to(std::uint64_t address, std::uint64_t times) {
    if (this->address() == address && --times == 0) return;
    const long word = peek(address);
    for (;;) {
      if (this->address() == address) {
        step();
        if (ended_) return;
      }
      poke(address, (word & ~0xffL) | kBreakpoint);
      go_on(PTRACE_CONT);
      if (ended_) return;
      poke(address, word);
      user_regs_struct now = registers();
      now.rip = address;
      if (::ptrace(PTRACE_SETREGS, pid_, nullptr, &now) != 0) fail("PTRACE_SETREGS");
      if (--times == 0) return;
    }
  }

 private:
  [[noreturn]] static void be_traced(const Script& script) {
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

  void wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0)
      if (errno != EINTR) fail("waitpid");
    ended_ = !WIFSTOPPED(status);
    stopped_by_ = ended_ ? 0 : WSTOPSIG(status);
    if (ended_ && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
      throw std::runtime_error("a traced child failed");
  }
  // Until the next step or breakpoint; other signals than those of the trace are delivered.
  template <class Request>
  void go_on(Request request) {
    for (long signal = 0;; signal = stopped_by_) {
      if (::ptrace(request, pid_, nullptr, signal) != 0) fail("ptrace");
      wait();
      if (ended_ || stopped_by_ == SIGTRAP) return;
    }
  }
  user_regs_struct registers() const {
    user_regs_struct now{};
    if (::ptrace(PTRACE_GETREGS, pid_, nullptr, &now) != 0) fail("PTRACE_GETREGS");
    return now;
  }
  long peek(std::uint64_t address) const {
    errno = 0;
    const long word = ::ptrace(PTRACE_PEEKTEXT, pid_, address, nullptr);
    if (errno != 0) fail("PTRACE_PEEKTEXT");
    return word;
  }
  void poke(std::uint64_t address, long word) const {
    if (::ptrace(PTRACE_POKETEXT, pid_, address, word) != 0) fail("PTRACE_POKETEXT");
  }

  pid_t pid_ = -1;
  bool ended_ = false;
  int stopped_by_ = 0;
};

std::vector<std::uint64_t> addresses_of(const Script& script) {
  std::vector<std::uint64_t> all;
  Traced traced(script);
  while (!traced.has_ended()) {
    all.push_back(traced.address());
    traced.step();
  }
  return all;
}

}  // namespace

std::uint64_t kill_at_each_step(std::uint64_t most, const std::function<void()>& before,
                                const Script& script, const std::function<void(bool)>& after) {
  before();
  const auto addresses = addresses_of(script);
  after(true);
  // A sanitizer's instructions are several times as many, and each is a stop.
  const std::size_t limit = test::is_long() ? std::max<std::size_t>(most, kMostInLong)
                                            : test::demanded(static_cast<unsigned>(most));
  const std::size_t stride = (addresses.size() + limit - 1) / limit;
  for (std::size_t i = 0; i < addresses.size(); i += stride) {
    before();
    bool through = false;
    {
      Traced traced(script);
      traced.run_to(addresses[i],
                    static_cast<std::uint64_t>(std::count(
                        addresses.begin(), addresses.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                        addresses[i])));
      through = traced.has_ended();
    }
    after(through);
  }
  return addresses.size();
}

}  // namespace sync_test

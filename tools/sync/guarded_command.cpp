#include "tools/sync/guarded_command.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "ipc/sys/error.hpp"
#include "tools/cli/exit.hpp"

namespace tools {
namespace {

constexpr int kCannotRun = 126;  // as env(1), nice(1) and the shell end then
constexpr int kNotFound = 127;

// What would end us, and what people send to a command they have started so.
constexpr std::array kPassedOn{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};

// While one lives these signals wait until somebody asks for them.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&held_);
    sigaddset(&held_, SIGCHLD);
    for (const int signal : kPassedOn) sigaddset(&held_, signal);
    // A parent that ignored it would have us never learn how the command ended.
    ::signal(SIGCHLD, SIG_DFL);
    ::sigprocmask(SIG_BLOCK, &held_, &before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  siginfo_t next() const {
    siginfo_t info{};
    while (::sigwaitinfo(&held_, &info) < 0 && errno == EINTR) {
    }
    return info;
  }

  /// In the child, before exec: those that our parent had us ignore stay ignored, the others get
  /// their default now, because our handlers have no business in what is about to be run.
  void let_go() const {
    for (const int signal : kPassedOn) {
      struct sigaction action {};
      ::sigaction(signal, nullptr, &action);
      if (action.sa_handler != SIG_IGN) ::signal(signal, SIG_DFL);
    }
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t held_{};
  sigset_t before_{};
};

[[noreturn]] void become(const SyncOptions& options, const std::vector<std::string>& variables,
                         const HeldSignals& signals, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::raise(SIGKILL);  // it died before the line above
  for (const std::string& variable : variables)
    ::putenv(const_cast<char*>(variable.c_str()));  // NOLINT(concurrency-mt-unsafe): one thread
  std::vector<char*> words;
  for (const std::string& word : options.command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  signals.let_go();
  ::execvp(words[0], words.data());
  const int error = errno;
  complain(options.program,
           options.command.front() + ": " + std::generic_category().message(error));
  ::_exit(error == ENOENT ? kNotFound : kCannotRun);
}

}  // namespace

std::optional<End> run_guarded(const SyncOptions& options, const Interruption& interruption,
                               const std::vector<std::string>& variables) {
  const HeldSignals signals;
  if (interruption.signal()) return std::nullopt;
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw ipc::Error("fork", options.command.front(), errno);
  if (child == 0) become(options, variables, signals, parent);
  for (;;) {
    const siginfo_t info = signals.next();
    if (info.si_signo != SIGCHLD) {
      // A positive code means the kernel: a terminal has sent it to the command as well.
      if (info.si_code <= 0) ::kill(child, info.si_signo);
      continue;
    }
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) != child) continue;
    return WIFEXITED(status) ? End{WEXITSTATUS(status), 0} : End{0, WTERMSIG(status)};
  }
}

}  // namespace tools

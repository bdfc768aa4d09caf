#include "tools/pool/supervisor_launcher.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/error.hpp"

namespace pool {
namespace {

using ipc::sys::Fd;

constexpr int first_descriptor = 3;
constexpr std::chrono::seconds exec_patience{1};  // it takes about a millisecond
constexpr int exec_failed = 127;                  // as a shell reports it
constexpr const char* shell = "/bin/sh";
constexpr std::array ignored{SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
// What this program ignores or catches; exec would hand the ignoring on.
constexpr std::array restored{SIGPIPE, SIGCHLD};

void check(long value, const char* call, const std::string& object) {
  if (value == -1) throw ipc::Error(call, object, errno);
}

/// All that the child needs, made before the fork.
struct Plan {
  pid_t parent;
  const char* program;
  char* const* arguments;
  char* const* script_arguments;  ///< For /bin/sh, should the program be a script without #!.
  char* const* environment;
  int standard_input;
  int standard_output;
  const int* descriptors;
  int count;
  int report;
  bool heeds_signals;
};

[[noreturn]] void fail(int report) {
  const int error = errno;
  // The reader takes a short or missing report for an unknown reason; nothing better can be done.
  [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
  ::_exit(exec_failed);
}

/// Runs in the child between fork and exec: async-signal-safe calls only, no allocation, no
/// exception, for the heap and its locks are copies of what they were at any instant.
[[noreturn]] void become(const Plan& plan) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) fail(plan.report);
  if (::getppid() != plan.parent) ::_exit(exec_failed);
  if (::setpgid(0, 0) == -1) fail(plan.report);

  struct sigaction action {};
  for (const int number : ignored) {
    action.sa_handler = plan.heeds_signals ? SIG_DFL : SIG_IGN;
    if (::sigaction(number, &action, nullptr) == -1) fail(plan.report);
  }
  for (const int number : restored) {
    action.sa_handler = SIG_DFL;
    if (::sigaction(number, &action, nullptr) == -1) fail(plan.report);
  }

  if (::dup2(plan.standard_input, STDIN_FILENO) == -1) fail(plan.report);
  if (::dup2(plan.standard_output, STDOUT_FILENO) == -1) fail(plan.report);
  // The sources are all above the targets (launch() saw to that), so none is overwritten unread.
  for (int at = 0; at != plan.count; ++at)
    if (::dup2(plan.descriptors[at], first_descriptor + at) == -1) fail(plan.report);
  const int report = first_descriptor + plan.count;
  if (::dup3(plan.report, report, O_CLOEXEC) == -1) fail(plan.report);
  if (::syscall(SYS_close_range, static_cast<unsigned>(report + 1), ~0U, 0U) == -1) fail(report);

  sigset_t none;
  ::sigemptyset(&none);
  // Last, so that a signal that waits at the door meets the dispositions of above.
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) == -1) fail(report);
  ::execve(plan.program, plan.arguments, plan.environment);
  // As execvp(3), which may allocate.
  if (errno == ENOEXEC) ::execve(shell, plan.script_arguments, plan.environment);
  fail(report);
}

bool becomes_readable(int fd, std::chrono::nanoseconds patience) {
  const auto deadline = ipc::Deadline::after(patience);
  pollfd watched{fd, POLLIN, 0};
  for (;;) {
    const timespec left = deadline.left_timespec();
    const int ready = ::ppoll(&watched, 1, &left, nullptr);
    if (ready != -1 || errno != EINTR) return ready == 1;
  }
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// As execve(2) wants them: a null pointer is the last.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(number);
}

}  // namespace

Child launch(const Command& command) {
  std::vector<char*> arguments = pointers_to(command.arguments);
  arguments.insert(arguments.begin(),
                   {const_cast<char*>(shell), const_cast<char*>(command.program.c_str())});
  std::vector<char*> environment;
  if (command.environment) environment = pointers_to(*command.environment);

  std::array<int, 2> pipe{};
  check(::pipe2(pipe.data(), O_CLOEXEC), "pipe2", command.program);
  Fd report_reader(pipe[0]);
  Fd report_writer(pipe[1]);
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  check(null.get(), "open", "/dev/null");

  const int count = static_cast<int>(command.descriptors.size());
  const int above = first_descriptor + count + 1;
  std::vector<Fd> owners;
  const auto lift = [&](int fd) {
    owners.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, above));
    check(owners.back().get(), "fcntl", command.program);
    return owners.back().get();
  };
  std::vector<int> descriptors;
  for (const int fd : command.descriptors) descriptors.push_back(lift(fd));

  const int nowhere = lift(null.get());
  const int output = command.is_mute ? nowhere : STDERR_FILENO;
  const Plan plan{.parent = ::getpid(),
                  .program = command.program.c_str(),
                  .arguments = arguments.data() + 1,
                  .script_arguments = arguments.data(),
                  .environment = command.environment ? environment.data() : environ,
                  .standard_input = lift(command.standard_input.value_or(nowhere)),
                  .standard_output = lift(command.standard_output.value_or(output)),
                  .descriptors = descriptors.data(),
                  .count = count,
                  .report = lift(report_writer.get()),
                  .heeds_signals = command.heeds_signals};

  // Signals stay blocked from before the fork until the child has its own dispositions, or a
  // handler of this program could run in the child.
  sigset_t all, before;
  ::sigfillset(&all);
  check(::sigprocmask(SIG_SETMASK, &all, &before), "sigprocmask", command.program);
  const pid_t pid = ::fork();
  const int error = errno;
  if (pid == 0) become(plan);
  check(::sigprocmask(SIG_SETMASK, &before, nullptr), "sigprocmask", command.program);
  if (pid == -1) throw ipc::Error("fork", command.program, error);

  Child child;
  child.pid_ = pid;
  child.exec_error_ = std::move(report_reader);
  // The pid cannot be reused yet: the child is not reaped before its owner calls reap().
  child.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child.pidfd_.is_open()) {
    const int reason = errno;
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) == -1 && errno == EINTR) {
    }
    throw ipc::Error("pidfd_open", command.program, reason);
  }
  report_writer.reset();
  owners.clear();  // the child's own copies are the only ones left
  // The pipe ends with the exec (or brings an errno). Until then the death signal may not be set,
  // and a child that somebody stops in that moment would outlive its master.
  if (!becomes_readable(child.exec_error_.get(), exec_patience)) child.signal(SIGKILL);
  return child;
}

bool Child::signal(int number) const {
  return ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
}

bool Child::signal_group(int number) const {
  // Until it is reaped, nobody else can have its number, nor a group of that number.
  return ::kill(-pid_, number) == 0;
}

std::optional<Exit> Child::reap() {
  siginfo_t info{};
  int result;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
  } while (result == -1 && errno == EINTR);
  check(result, "waitid", "pid " + std::to_string(pid_));
  if (info.si_pid == 0) return {};

  Exit exit;
  exit.by_signal = info.si_code != CLD_EXITED;
  exit.number = info.si_status;
  int error = 0;
  if (exit.by_signal)
    exit.text = "was killed by " + signal_name(exit.number);
  else if (exit.number == exec_failed &&
           ::read(exec_error_.get(), &error, sizeof error) == sizeof error)
    exit.text = std::string("could not be started: ") + std::strerror(error);
  else
    exit.text = "exited with " + std::to_string(exit.number);
  return exit;
}

void Child::end_now() {
  signal(SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) == -1 &&
         errno == EINTR) {
  }
}

std::string Child::describe() const {
  const std::string proc = "/proc/" + std::to_string(pid_);
  // pid (name) state …; the name may hold anything, so the state is sought from the end.
  const std::string stat = first_line(proc + "/stat");
  const auto paren = stat.rfind(')');
  const char state = paren != std::string::npos && paren + 2 < stat.size() ? stat[paren + 2] : '?';
  const std::string where = first_line(proc + "/wchan");
  return "state " + std::string(1, state) + ", waits in " +
         (where.empty() || where == "0" ? "no kernel function" : where);
}

std::optional<std::uint64_t> oom_kills() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) != 0) continue;  // cgroups(7): the v2 hierarchy
    std::ifstream events("/sys/fs/cgroup" + line.substr(3) + "/memory.events");
    std::string key;
    for (std::uint64_t count; events >> key >> count;)
      if (key == "oom_kill") return count;
  }
  return {};
}

}  // namespace pool

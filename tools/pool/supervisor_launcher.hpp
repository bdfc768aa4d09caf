// Starting a worker process so that it cannot outlive its master, and watching it.
//
// What a child gets, and why:
//   - exactly the descriptors that it is given, from 3 on: anything else that it inherited would
//     keep objects alive, hide the end of a pipe, or be a way in;
//   - PR_SET_PDEATHSIG(SIGKILL): the kernel kills it with its master, even while it is stopped.
//     The request is lost if the master died before it was made, hence the look at getppid()
//     afterwards. It is tied to the *thread* that forked (prctl(2)): launch from the main thread;
//   - a process group of its own, so that Ctrl-C in the master's terminal is the master's alone to
//     handle; INT, TERM, HUP, USR1 and USR2 ignored, which exec keeps, for those who signal
//     everything that is called crawler;
//   - an empty signal mask, stdin from /dev/null, stdout on stderr or nowhere.
//
// What is no worker, but a command that is run for somebody, may have a stdin and a stdout of its own,
// and signals that do what they do by default.
//
// A child is signalled through its pidfd only: a pid may be somebody else's by then.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipc/sys/fd.hpp"

namespace pool {

struct Command {
  std::string program;  ///< A path.
  std::vector<std::string> arguments{};
  std::vector<int> descriptors{};        ///< Become 3, 4, 5, … in the child.
  bool is_mute = false;                  ///< Its stdout goes to /dev/null; else to stderr.
  std::optional<int> standard_input{};   ///< Instead of /dev/null.
  std::optional<int> standard_output{};  ///< Instead of all that.
  std::optional<std::vector<std::string>> environment{};  ///< Instead of this process's own.
  bool heeds_signals = false;                             ///< None is ignored.
};

/// How a process ended.
struct Exit {
  bool by_signal = false;
  int number = 0;    ///< The signal, or the exit code.
  std::string text;  ///< "was killed by SIGKILL", "exited with 1", …
  bool is_failure() const { return by_signal || number != 0; }
};

/// A child of this process. Its destructor neither kills nor reaps it.
class Child {
 public:
  pid_t pid() const { return pid_; }
  /// Readable once the child has ended.
  int pidfd() const { return pidfd_.get(); }
  /// False if it has ended.
  bool signal(int number) const;
  /// The same for it and all that it has started, if they are still in its group. Not after reap().
  bool signal_group(int number) const;
  /// Reaps it if it has ended, never waits.
  std::optional<Exit> reap();
  /// Kills it, waits for its end and reaps it.
  void end_now();
  /// What it is doing, for the log: the kernel function it waits in, and its state.
  std::string describe() const;

 private:
  friend Child launch(const Command&);
  pid_t pid_ = 0;
  ipc::sys::Fd pidfd_;
  ipc::sys::Fd exec_error_;  // the errno comes here if exec fails
};

/// Starts it and waits until it runs its program, about a millisecond; one that does not within a
/// second is killed. A program that cannot be executed is told by reap(); one that is a script without
/// its "#!" is run by /bin/sh, as execvp(3) does. Throws ipc::Error if the system has no process or
/// descriptor left.
Child launch(const Command& command);

/// How many processes of this process's control group the kernel has killed because its memory was
/// used up (cgroup v2, memory.events); nothing where that cannot be read.
std::optional<std::uint64_t> oom_kills();

}  // namespace pool

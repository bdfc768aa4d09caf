// Signals that ask a receiver to stop: it removes its name first and then dies of the signal.
#pragma once

#include <optional>

namespace tools {

/// What a program that was told to stop may do before it does.
enum class Farewell {
  tidy_up,  ///< What takes less than a second; then the signal kills it after all.
  finish,   ///< What it has begun, however long it takes; another signal kills it.
};

/// While an object of this class lives, SIGINT, SIGTERM and SIGHUP are remembered instead of
/// killing. What was ignored when the program started stays ignored (nohup). A program that is stuck,
/// in a write for example, is killed after all, as Farewell says. SIGPIPE, unless it is ignored, no
/// longer kills either: the write says EPIPE, and the program has to end itself. SIGCHLD is no longer
/// ignored, so that commands can be waited for. One object per process.
class Stopping {
 public:
  explicit Stopping(Farewell farewell = Farewell::tidy_up);
  Stopping(const Stopping&) = delete;
  Stopping& operator=(const Stopping&) = delete;
  ~Stopping();

  /// The signal that came, if one did.
  std::optional<int> signal() const;
  /// Readable from then on. Interrupts poll(2) without the race between the question and the wait.
  int fd() const { return fd_; }
  /// What a program dies of whose stdout has no reader any more: SIGPIPE. Throws Ending if that was ignored
  /// from the start, for then EPIPE is an error like any other.
  int end_of_output() const;

 private:
  int fd_;
  bool pipe_ignored_;
};

/// Ends this process by the default action of `signal`, so that its parent sees the truth.
[[noreturn]] void die_of(int signal);

}  // namespace tools

// Signals that ask a receiver to stop: it removes its name first and then dies of the signal.
#pragma once

#include <optional>

namespace tools {

/// While an object of this class lives, SIGINT, SIGTERM and SIGHUP are remembered instead of
/// killing. What was ignored when the program started stays ignored (nohup). If the program has not
/// ended a second after the signal, because it is stuck in a write for example, the signal kills it
/// after all. SIGPIPE, unless it is ignored, no longer kills either: the write says EPIPE, and the
/// program has to end itself. One object per process.
class Stopping {
 public:
  Stopping();
  Stopping(const Stopping&) = delete;
  Stopping& operator=(const Stopping&) = delete;
  ~Stopping();

  /// The signal that came, if one did.
  std::optional<int> signal() const;
  /// Readable from then on. Interrupts poll(2) without the race between the question and the wait.
  int fd() const { return fd_; }
  /// Whether SIGPIPE was ignored from the start: then EPIPE is an error like any other.
  bool pipe_ignored() const { return pipe_ignored_; }

 private:
  int fd_;
  bool pipe_ignored_;
};

/// Ends this process by the default action of `signal`, so that its parent sees the truth.
[[noreturn]] void die_of(int signal);

}  // namespace tools

// Signals that end a program while it waits: it leaves what it waited for in good order first.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace tools {

/// While an object of this class lives, SIGINT, SIGTERM and SIGHUP are remembered instead of killing,
/// and wake whoever sleeps on word(). What was ignored when the program started stays ignored. One
/// object per process.
class Interruption {
 public:
  Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption();

  /// The signal that came, if one did.
  std::optional<int> signal() const;
  /// From now on such signals end the process as if this were not there, one that has come included:
  /// nothing is left that should be left in good order.
  void stand_down() const;
  /// Returns when there is something to be read, or its end, or such a signal has come.
  void wait_readable(int fd) const;
  /// Its number, or 0; for ipc::sync::Party::heed().
  std::atomic<std::uint32_t>& word() const;

 private:
  void restore() const;
};

}  // namespace tools

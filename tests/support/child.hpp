// Processes that a test starts, and that never outlive it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

/// For the bodies of children: ends the child with a message and exit status 99.
inline void expect(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

class Child {
 public:
  /// Forks a child that runs `body` and ends with its value, without destructors. It has no
  /// descriptors but 0 to 2, as if it had been started by somebody else.
  static Child run(const std::function<int()>& body);
  /// The same, but the child keeps all descriptors, as after a plain fork(2).
  static Child forked(const std::function<int()>& body);
  /// Starts a program, found in $PATH; its stdout is dropped unless `output` is a descriptor.
  static Child exec(const std::vector<std::string>& command, int output = -1);

  Child() = default;
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  /// Kills and reaps it if that has not happened.
  ~Child();

  pid_t pid() const { return pid_; }
  bool is_running() const;
  void signal(int number) const;
  /// Its exit status, or minus the number of the signal that ended it. Throws if it has not ended
  /// within `patience`.
  int wait(std::chrono::nanoseconds patience = std::chrono::seconds(30));
  /// SIGKILL, and reaps it.
  void kill();

 private:
  Child(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  static Child start(const std::function<int()>& body, bool keep_descriptors);
  pid_t pid_ = -1;
  int pidfd_ = -1;
};

/// What a program writes to its stdout; throws unless it ends with 0.
std::string output_of(const std::vector<std::string>& command);

}  // namespace test

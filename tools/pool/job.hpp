// One command at work on one message.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"
#include "tools/pool/supervisor_launcher.hpp"

namespace pool {

/// A command whose output is collected. It has a process group of its own, so that what is typed at our
/// terminal is not for it, and is killed by the kernel if we die; what it has started itself is not.
/// The destructor kills what is left of the group.
class Job {
 public:
  /// Starts it as `command` says, but for its stdout. Throws ipc::Error if that cannot be.
  Job(Command command, std::size_t most_output);
  Job(Job&&) = default;
  Job& operator=(Job&&) = delete;
  ~Job();

  /// To be polled for reading: there is output. -1 once there can be no more.
  int output_fd() const { return is_silent_ ? -1 : output_reader_.get(); }
  /// To be polled for reading: it has ended.
  int pidfd() const { return child_.pidfd(); }

  /// Takes what it has written so far. Ends it if that is more than may be.
  void read();
  /// A sentence on how it ended, "" for well; nothing while it runs. Once it has ended output() is
  /// complete: what it has left running in the background is not waited for.
  const std::optional<std::string>& ended();
  const std::string& output() const { return text_; }
  /// Asks it to end (SIGTERM, to all of its group), because of that, a sentence.
  void end(const std::string& why);
  /// When insist() shall be called; never unless it was asked to end.
  ipc::Deadline kill_at() const { return kill_at_; }
  /// Kills it if it was asked to end and has had its time.
  void insist();

 private:
  ipc::sys::Fd output_reader_;
  Child child_;
  std::size_t most_output_;
  std::string text_;
  bool is_silent_ = false;  ///< It has closed its stdout.
  std::string why_;         ///< We ended it.
  ipc::Deadline kill_at_ = ipc::Deadline::never();
  std::optional<Exit> exit_;  ///< Reaped: its group may be somebody else's.
  std::optional<std::string> ended_;
};

}  // namespace pool

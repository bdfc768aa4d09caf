// A shell command that is run once for each message (recv --exec).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ipc/sys/fd.hpp"
#include "tools/cli/format.hpp"

namespace tools {

/// A message as a file in memory, for a command's stdin. A pipe would need somebody to fill it while
/// the command runs, and would fail if the command does not read it; a file needs neither.
class MessageFile {
 public:
  /// Throws ipc::Error if there is no memory or descriptor left.
  explicit MessageFile(std::string_view message);
  /// At its beginning.
  int fd() const { return fd_.get(); }

 private:
  ipc::sys::Fd fd_;
};

/// The environment of a command that gets this message: ours, and IPC_NUMBER; IPC_SENDER_PID and
/// IPC_SENDER_UID where the kernel proves them; IPC_CLAIMED_PID where only the sender itself names
/// its process.
std::vector<std::string> environment_for(const Arrival& arrival);

/// Runs `command` by /bin/sh with the message on stdin, our stdout and stderr and no other
/// descriptors, in that environment. Waits for its end and returns "" if it ended with 0, else how it
/// ended. Throws ipc::Error if it cannot be started.
std::string run_command(const std::string& command, std::string_view message,
                        const Arrival& arrival);

}  // namespace tools

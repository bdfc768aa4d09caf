// A shell command that is run once for each message (recv --exec).
#pragma once

#include <string>
#include <string_view>

#include "tools/cli/format.hpp"

namespace tools {

/// Runs `command` by /bin/sh with the message on stdin, our stdout and stderr and no other
/// descriptors. In its environment are IPC_NUMBER; IPC_SENDER_PID and IPC_SENDER_UID where the
/// kernel proves them; and IPC_CLAIMED_PID where only the sender itself names its process. Waits
/// for its end and returns "" if it ended with 0, else how it ended. Throws ipc::Error if it cannot
/// be started.
std::string run_command(const std::string& command, std::string_view message,
                        const Arrival& arrival);

}  // namespace tools

// One life of the daemon: master, front door and signals on one event loop.
#pragma once

#include <optional>
#include <string>

#include "tools/crawler/config.hpp"

namespace crawler {

/// Blocks the signals that the daemon handles, for good: they are read from a signalfd(2), so one
/// that comes before the loop runs waits, and none interrupts anything. The first thing in main().
void block_signals();

struct DaemonOptions {
  ConfigSource source;             ///< Read again on SIGHUP.
  std::optional<int> lifeline_fd;  ///< The daemon ends fast once this is at its end.
  std::optional<int> ready_fd;     ///< "ready\n" is written to it once clients are served.
};

/// Runs until it is told to stop. Prints the total to stdout. Returns the exit code: 0, or 1 if it
/// gave up. Throws ConfigError and ipc::Error if it cannot start.
int run_daemon(const DaemonOptions& options);

}  // namespace crawler

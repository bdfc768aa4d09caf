// The command line of `pool`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipc/transport.hpp"
#include "tools/cli/format.hpp"

namespace pool_tool {

struct Options {
  const ipc::Kind* kind = nullptr;
  std::uint32_t jobs = 1;
  std::vector<std::string> command;  ///< Its first is the path of a program.
  char separator = '\n';
  bool ordered = false;
  std::optional<std::chrono::nanoseconds> time_limit;  ///< For one task.
  tools::Format format;
  bool quiet = false;
  bool verbose = false;
  bool stats = false;
};

/// Throws tools::UsageError, and tools::Ending with Exit::ok after it has printed what --help or
/// --version asks for.
Options parse(int argc, char** argv);

}  // namespace pool_tool

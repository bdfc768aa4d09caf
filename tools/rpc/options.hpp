// The command lines of rpc-serve and rpc-call.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/cli/format.hpp"
#include "tools/cli/options.hpp"

namespace tools {

struct ServeOptions : PairOptions {
  std::string command;
  std::size_t jobs = 1;  ///< Requests at a time.
  std::optional<std::uint64_t> count;
  std::optional<std::chrono::nanoseconds> time_limit;  ///< For one request.
};

struct CallOptions : SendOptions {
  Format format;
  std::string reply_at;
};

/// Read the command line. Throw UsageError, and Ending with Exit::ok after they have printed what
/// --help or --version asks for.
ServeOptions parse_serve(int argc, char** argv);
CallOptions parse_call(int argc, char** argv);

}  // namespace tools

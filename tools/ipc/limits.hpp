// The limits of this machine, as they are now: what the kernel, this process's resource limits and the
// file systems say, and how each is raised.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tools {

struct Limit {
  std::string name;  ///< "fs.mqueue.msg_max", "RLIMIT_MSGQUEUE", "/dev/shm".
  std::string unit;
  std::optional<std::uint64_t> value{};  ///< Nothing if it cannot be read here.
  bool is_unlimited = false;
  std::optional<std::uint64_t> free{};  ///< What of it is left, where that is told.
  std::string remedy{};                 ///< How it is raised.
  /// The same for all limits that are raised in this way.
  std::string remedy_of_family{};
};

/// Reads a limit by its name; throws std::out_of_range if there is none of that name.
Limit read_limit(std::string_view name);

/// The name of the file system that the names of receivers lie in, for read_limit.
inline constexpr std::string_view kNamesDirectory = "names";

}  // namespace tools

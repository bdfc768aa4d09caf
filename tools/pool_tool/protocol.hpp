// What `pool` and its workers say to each other, in the envelopes of tools/pool/envelope.hpp.
//
//   hello    about: {"pid": 4711}
//   task     body: the task, for the command's stdin
//   result   about: {} and body: what the command has written; or {"problem": "..."}, a sentence on how
//            it failed, and no body
//
// And the command line that a worker is started with:
//
//     pool-worker --transport fifo --run 9f86d081884c7d65 --slot 2 --generation 1
//                 --inbox ADDRESS --master ADDRESS --lifeline-fd 3 -- /usr/bin/tr a-z A-Z
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/pool/worker_place.hpp"

namespace pool_tool {

struct WorkerOptions : pool::WorkerPlace {
  std::optional<std::chrono::nanoseconds> time_limit{};  ///< For one task.
  std::vector<std::string> command{};                    ///< A path, and arguments.
};

/// The arguments after the program's name.
std::vector<std::string> worker_arguments(const WorkerOptions& options);

/// The longest task and the longest output that fit into a message of `max_message` bytes beside its
/// header.
std::size_t max_body(std::size_t max_message);

/// What a hello and a result add to their envelope.
boost::json::object about_pid(std::int64_t pid);
boost::json::object about_problem(std::string_view sentence);
/// And what they say; nothing if it is not well-formed.
std::optional<std::int64_t> read_pid(const boost::json::object& about);
/// "" for a result that is none.
std::optional<std::string> read_problem(const boost::json::object& about);

}  // namespace pool_tool

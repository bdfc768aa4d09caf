#include "tools/pool_tool/protocol.hpp"

#include <algorithm>

namespace pool_tool {
namespace {

// Of a sentence: with every byte escaped to six it still fits into a header.
constexpr std::size_t kMostProblem = 4096;
constexpr std::int64_t kMostPid = std::int64_t{1} << 22;  // PID_MAX_LIMIT, proc(5)

}  // namespace

std::vector<std::string> worker_arguments(const WorkerOptions& options) {
  std::vector<std::string> arguments = pool::arguments_of(options);
  if (options.time_limit) {
    using std::chrono::milliseconds;
    const auto limit = std::chrono::ceil<milliseconds>(*options.time_limit);
    arguments.push_back("--timeout=" + std::to_string(limit.count()) + "ms");
  }
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), options.command.begin(), options.command.end());
  return arguments;
}

std::size_t max_body(std::size_t max_message) {
  const std::size_t header = pool::max_header + 1;
  return max_message > header ? max_message - header : 0;
}

boost::json::object about_pid(std::int64_t pid) {
  return {{"pid", pid}};
}

boost::json::object about_problem(std::string_view sentence) {
  // JSON is UTF-8, and a sentence may quote what is not.
  std::string text(sentence.substr(0, kMostProblem));
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return {{"problem", text}};
}

std::optional<std::int64_t> read_pid(const boost::json::object& about) {
  const auto* pid = about.if_contains("pid");
  if (pid == nullptr || !pid->is_int64()) return std::nullopt;
  if (pid->get_int64() < 1 || pid->get_int64() > kMostPid) return std::nullopt;
  return pid->get_int64();
}

std::optional<std::string> read_problem(const boost::json::object& about) {
  const auto* problem = about.if_contains("problem");
  if (problem == nullptr) return "";
  if (!problem->is_string() || problem->get_string().empty() ||
      problem->get_string().size() > kMostProblem)
    return std::nullopt;
  return std::string(problem->get_string());
}

}  // namespace pool_tool

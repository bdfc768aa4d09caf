#include "tools/crawler/worker_options.hpp"

namespace crawler {

std::vector<std::string> worker_arguments(const WorkerOptions& options) {
  std::vector<std::string> arguments{"--transport=" + options.transport,
                                     "--run=" + pool::to_text(options.run)};
  const auto add = [&](const char* name, const std::string& value) {
    arguments.push_back(name + ("=" + value));
  };
  if (options.slot != 0) {
    add("--slot", std::to_string(options.slot));
    add("--generation", std::to_string(options.generation));
  }
  if (!options.inbox.empty()) add("--inbox", options.inbox);
  if (options.capacity) add("--capacity", std::to_string(*options.capacity));
  if (!options.master.empty()) add("--master", options.master);
  if (options.inbox_fd) add("--inbox-fd", std::to_string(*options.inbox_fd));
  if (options.master_fd) add("--master-fd", std::to_string(*options.master_fd));
  if (options.lifeline_fd) add("--lifeline-fd", std::to_string(*options.lifeline_fd));
  for (std::string& limit : limit_arguments(options.limits)) arguments.push_back(std::move(limit));
  return arguments;
}

}  // namespace crawler

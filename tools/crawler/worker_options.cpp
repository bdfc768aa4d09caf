#include "tools/crawler/worker_options.hpp"

namespace crawler {

std::vector<std::string> worker_arguments(const WorkerOptions& options) {
  std::vector<std::string> arguments = pool::arguments_of(options);
  for (std::string& limit : limit_arguments(options.limits)) arguments.push_back(std::move(limit));
  return arguments;
}

}  // namespace crawler

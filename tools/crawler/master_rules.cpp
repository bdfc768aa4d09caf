#include "tools/crawler/master_rules.hpp"

#include "ipc/kinds.hpp"

namespace crawler {

pool::Crew::Rules crew_rules(const Config& config) {
  pool::Crew::Rules rules;
  rules.supervisor.hello_time = config.hello_time;
  rules.supervisor.first_pause = config.first_pause;
  rules.supervisor.longest_pause = config.longest_pause;
  rules.supervisor.storm_deaths = static_cast<unsigned>(config.storm_deaths);
  rules.supervisor.storm_time = config.storm_time;
  rules.silence = config.effective_task_time();
  return rules;
}

pool::Dispatch::Rules dispatch_rules(const Config& config) {
  pool::Dispatch::Rules rules;
  rules.task_time = config.effective_task_time();
  rules.charges = static_cast<std::uint32_t>(config.charges);
  rules.attempts = static_cast<std::uint32_t>(config.attempts);
  return rules;
}

const ipc::Kind& kind_of(const Config& config) {
  const ipc::Kind* kind = ipc::kinds::find(config.transport);
  if (kind == nullptr) throw ConfigError("transport \"" + config.transport + "\" is unknown");
  return *kind;
}

std::size_t inboxes(const Config& config) {
  return config.workers + 1;
}

}  // namespace crawler

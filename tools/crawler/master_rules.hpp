// What a daemon's configuration means for its pool. Pure functions.
#pragma once

#include "tools/crawler/config.hpp"
#include "tools/pool/crew.hpp"

namespace crawler {

pool::Crew::Rules crew_rules(const Config& config);
pool::Dispatch::Rules dispatch_rules(const Config& config);
/// Throws ConfigError if there is no such kind.
const ipc::Kind& kind_of(const Config& config);
/// How many inboxes there are at a time: the master's and one for each worker. None to spare: a dead
/// worker's inbox is removed, and our end of it closed, before its successor is started.
std::size_t inboxes(const Config& config);

}  // namespace crawler

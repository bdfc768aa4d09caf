// The command line that a master starts a worker with, and that a person may type.
//
//     crawler-worker --transport fifo --run 9f86d081884c7d65 --slot 2 --generation 1
//                    --inbox ADDRESS --master ADDRESS --lifeline-fd 3 --slots=16 …every limit
//
// By hand, leave out slot, generation and lifeline: the master then gives it a slot (GET /status tells
// run and inbox).
//
// The worker listens on its inbox first, then connects to the master and says hello. It ends with 0
// on a stop message, when the lifeline is closed, and when the master is gone.
#pragma once

#include <string>
#include <vector>

#include "tools/crawler/limits.hpp"
#include "tools/pool/worker_place.hpp"

namespace crawler {

struct WorkerOptions : pool::WorkerPlace {
  Limits limits{};
};

/// The arguments after the program's name.
std::vector<std::string> worker_arguments(const WorkerOptions&);

}  // namespace crawler

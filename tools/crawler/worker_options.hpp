// The command line that a master starts a worker with, and that a person may type.
//
//     crawler-worker --transport fifo --run 9f86d081884c7d65 --slot 2 --generation 1
//                    --inbox ADDRESS --master ADDRESS --lifeline-fd 3 --slots=16 …every limit
//
// Started by the master on a kind without names, --inbox-fd and --master-fd stand in place of the
// addresses: its inherited read end, for listen(), and write end, for connect(). By hand, leave out
// slot, generation and lifeline: the master then gives it a slot (GET /status tells run and inbox).
//
// The worker listens on its inbox first, then connects to the master and says hello. It ends with 0
// on a stop message, when the lifeline is closed, and when the master is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/crawler/limits.hpp"
#include "tools/pool/envelope.hpp"

namespace crawler {

struct WorkerOptions {
  std::string transport;
  pool::RunId run = 0;
  std::uint32_t slot = 0;  ///< 0: joins by hand.
  std::uint32_t generation = 0;
  std::string inbox;   ///< Where it listens.
  std::string master;  ///< Where the master listens.
  std::optional<int> inbox_fd;
  std::optional<std::size_t> capacity;  ///< Bytes that may wait in the inbox, if that is decided.
  std::optional<int> master_fd;
  std::optional<int> lifeline_fd;  ///< Readable, at its end, once the master is gone.
  Limits limits;
};

/// The arguments after the program's name.
std::vector<std::string> worker_arguments(const WorkerOptions&);

}  // namespace crawler

// A worker's place in a crew: who it is there, where it listens and how it reaches its master. The
// master gives it one on the command line, before what the program's own work needs.
//
// On a kind without names --inbox-fd and --master-fd stand in place of the addresses: an inherited read
// end, for listen(), and a write end, for connect(). Who joins by hand has no slot, no generation and no
// lifeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/transport.hpp"
#include "tools/pool/envelope.hpp"

namespace pool {

struct WorkerPlace {
  std::string transport;
  RunId run = 0;
  std::uint32_t slot = 0;  ///< 0: joins by hand.
  std::uint32_t generation = 0;
  std::string inbox;                    ///< Where it listens; "" if it inherits its inbox.
  std::optional<std::size_t> capacity;  ///< Bytes that may wait in the inbox, if that is decided.
  std::string master;                   ///< Where the master listens; "" if that is inherited.
  std::optional<int> inbox_fd;
  std::optional<int> master_fd;
  std::optional<int> lifeline_fd;  ///< Readable, at its end, once the master is gone.
};

/// --transport=KIND --run=RUN and so on, what is not there left out.
std::vector<std::string> arguments_of(const WorkerPlace& place);

/// A message of this worker, without content.
Envelope envelope_from(const WorkerPlace& place, Type type);

/// The two ends, to be made in this order: a master that hears the hello connects at once. Throws
/// ipc::Error, and std::runtime_error if there is no such transport. Who joins by hand need not name
/// an inbox.
std::unique_ptr<ipc::Receiver> listen(const WorkerPlace& place);
std::unique_ptr<ipc::Sender> connect(const WorkerPlace& place);

}  // namespace pool

// Connecting to a receiver, or to one that is not there yet.
#pragma once

#include <memory>

#include "tools/cli/options.hpp"

namespace tools {

/// Connects as the options say. With --wait it goes on trying whenever something changes in the
/// directory of the address, and throws Ending{Exit::timed_out} if no receiver came in time; a sender
/// of a durable kind then belongs to that receiver, as by --require-receiver.
/// Without, Ending{Exit::peer_gone} says how to start one.
std::unique_ptr<ipc::Sender> connect(const SendOptions& options);

}  // namespace tools

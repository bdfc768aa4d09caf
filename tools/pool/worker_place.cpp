#include "tools/pool/worker_place.hpp"

#include <unistd.h>

#include <stdexcept>

#include "ipc/kinds.hpp"

namespace pool {
namespace {

const ipc::Kind& kind_of(const WorkerPlace& place) {
  const ipc::Kind* kind = ipc::kinds::find(place.transport);
  if (kind == nullptr)
    throw std::runtime_error("unknown transport \"" + place.transport +
                             "\"; there are: " + ipc::kinds::names());
  return *kind;
}

}  // namespace

std::vector<std::string> arguments_of(const WorkerPlace& place) {
  std::vector<std::string> arguments;
  const auto add = [&](const char* name, const std::string& value) {
    arguments.push_back(name + ("=" + value));
  };
  add("--transport", place.transport);
  add("--run", to_text(place.run));
  if (place.slot != 0) {
    add("--slot", std::to_string(place.slot));
    add("--generation", std::to_string(place.generation));
  }
  if (!place.inbox.empty()) add("--inbox", place.inbox);
  if (place.capacity) add("--capacity", std::to_string(*place.capacity));
  if (!place.master.empty()) add("--master", place.master);
  if (place.inbox_fd) add("--inbox-fd", std::to_string(*place.inbox_fd));
  if (place.master_fd) add("--master-fd", std::to_string(*place.master_fd));
  if (place.lifeline_fd) add("--lifeline-fd", std::to_string(*place.lifeline_fd));
  return arguments;
}

Envelope envelope_from(const WorkerPlace& place, Type type) {
  Envelope envelope;
  envelope.type = type;
  envelope.run = place.run;
  envelope.slot = place.slot;
  envelope.generation = place.generation;
  return envelope;
}

std::unique_ptr<ipc::Receiver> listen(const WorkerPlace& place) {
  const ipc::Kind& kind = kind_of(place);
  ipc::Options how;
  how.fd = place.inbox_fd;
  how.capacity = place.capacity;
  std::string address = place.inbox;
  if (address.empty() && kind.traits.named)
    address = to_text(place.run) + ".hand." + std::to_string(::getpid());
  return kind.listen(address, how);
}

std::unique_ptr<ipc::Sender> connect(const WorkerPlace& place) {
  const ipc::Kind& kind = kind_of(place);
  ipc::Options how;
  how.fd = place.master_fd;
  // Where messages may wait for a receiver to come, the master's end would go unnoticed.
  how.require_receiver = kind.traits.durable;
  return kind.connect(place.master, how);
}

}  // namespace pool

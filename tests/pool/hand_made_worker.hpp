// What the workers that tests make by hand begin with: they find their master and speak in envelopes
// as any worker does, and then do as they like.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "ipc/kinds.hpp"
#include "tools/pool/envelope.hpp"

namespace support {

class HandMadeWorker {
 public:
  /// Listens and connects as the command line says, whose words are of the form --NAME=VALUE up to the
  /// command, if there is one. Throws ipc::Error.
  HandMadeWorker(int argc, char** argv) {
    for (int at = 1; at < argc && std::string(argv[at]) != "--"; ++at) {
      const std::string word = argv[at];
      const auto equals = word.find('=');
      options_[word.substr(0, equals)] = equals == word.npos ? "" : word.substr(equals + 1);
    }
    const ipc::Kind& kind = *ipc::kinds::find(option("--transport"));
    ipc::Options inbox, master;
    if (has("--capacity")) inbox.capacity = std::stoull(option("--capacity"));
    if (has("--inbox-fd")) inbox.fd = std::stoi(option("--inbox-fd"));
    if (has("--master-fd")) master.fd = std::stoi(option("--master-fd"));
    inbox_ = kind.listen(has("--inbox") ? option("--inbox") : "", inbox);
    master_ = kind.connect(has("--master") ? option("--master") : "", master);
  }

  bool has(const std::string& name) const { return options_.contains(name); }
  const std::string& option(const std::string& name) const { return options_.at(name); }
  ipc::Receiver& inbox() { return *inbox_; }
  ipc::Sender& master() { return *master_; }

  /// A message of this worker.
  pool::Envelope envelope(pool::Type type) const {
    pool::Envelope envelope;
    envelope.type = type;
    envelope.run = *pool::parse_run(option("--run"));
    envelope.slot = static_cast<std::uint32_t>(std::stoul(option("--slot")));
    envelope.generation = static_cast<std::uint32_t>(std::stoul(option("--generation")));
    return envelope;
  }
  /// The result of a task, without content.
  pool::Envelope result_of(const pool::Envelope& task) const {
    pool::Envelope result = envelope(pool::Type::result);
    result.task = task.task;
    result.attempt = task.attempt;
    return result;
  }

 private:
  std::map<std::string, std::string> options_;
  std::unique_ptr<ipc::Receiver> inbox_;
  std::unique_ptr<ipc::Sender> master_;
};

}  // namespace support

// A worker of `pool`: takes a task, runs the command on it, answers, and takes the next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/transport.hpp"
#include "tools/pool/envelope.hpp"
#include "tools/pool/job.hpp"
#include "tools/pool_tool/protocol.hpp"

namespace pool_tool {

/// Used by one thread, which must be the process's first (supervisor_launcher.hpp says why).
class Worker {
 public:
  /// Listens, connects to the master and says hello. Throws ipc::Error.
  explicit Worker(const WorkerOptions& options);

  /// Works until it is told to stop, by the master or by the end of the lifeline, or because the
  /// master is gone. What is under way then is killed: the master knows of it.
  void run();

 private:
  struct Task {
    std::uint64_t id;
    std::uint32_t attempt;
    pool::Job job;
    ipc::Deadline limit;
  };

  void wait();
  void take_messages();
  void take(const pool::Envelope& envelope);
  void begin(const pool::Envelope& envelope);
  void look_after_task();
  void answer(std::uint64_t task, std::uint32_t attempt, const std::string& problem,
              const std::string& output);
  void send(const pool::Envelope& envelope);
  bool is_abandoned() const;

  const WorkerOptions& options_;
  std::unique_ptr<ipc::Receiver> inbox_;
  std::unique_ptr<ipc::Sender> master_;
  std::optional<Task> task_;
  bool is_over_ = false;
};

}  // namespace pool_tool

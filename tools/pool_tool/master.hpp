// The master of `pool`: reads tasks, has each done by one of its workers, prints what comes of it.
//
// Workers, and who gets what, are the pool's (tools/pool): a task whose worker is killed goes to
// another, one that crashes each worker that tries it has failed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "tools/pool/crew.hpp"
#include "tools/pool/outboxes.hpp"
#include "tools/pool/run_directory.hpp"
#include "tools/pool_tool/options.hpp"
#include "tools/pool_tool/results.hpp"
#include "tools/pool_tool/task_source.hpp"

namespace pool_tool {

struct Totals {
  std::uint64_t done = 0, failed = 0, deaths = 0;
};

/// Used by the executor's thread, which must be the process's first.
class Master final : private pool::Crew::Owner {
 public:
  /// Reads stdin and writes stdout. Throws ipc::Error if the transport's objects, those of the workers
  /// to come included, cannot be made. `worker_program` is a path.
  Master(boost::asio::any_io_executor executor, const Options& options, std::string worker_program);

  void start();
  /// Begins nothing more and ends the workers, with what they are at.
  void stop();
  /// Once the workers are gone.
  std::function<void()> on_ended;

  const Totals& totals() const { return totals_; }
  /// Why it stopped by itself before all was done; "" if it did not.
  const std::string& failure() const { return failure_; }
  bool is_output_closed() const { return results_.is_closed(); }

 private:
  pool::Command command(const pool::WorkerPlace& place) override;
  std::optional<pool::Introduction> introduce(const pool::Envelope& hello,
                                              std::string& problem) override;
  void joined(pool::WorkerId worker, const pool::Introduction& introduction) override;
  void heard(pool::WorkerId worker) override;
  void result(pool::WorkerId worker, const pool::Envelope& result) override;
  void left(pool::WorkerId worker, bool guilty) override;
  void storm(const std::string& reason) override;
  void ended() override;

  void pump();
  void take_tasks();
  bool send(pool::TaskId task);
  void fail(pool::TaskId task, const std::string& sentence);

  boost::asio::any_io_executor executor_;
  const Options& options_;
  std::string worker_program_;
  const ipc::Kind& kind_;
  pool::RunId run_;
  pool::RunDirectory directory_;
  ipc::Options inbox_;  ///< How the inboxes are made so that all of them fit.
  pool::Dispatch dispatch_;
  pool::Crew crew_;
  TaskSource tasks_;
  Results results_;
  pool::Outboxes outboxes_;
  /// How long the next try to send a task waits for room; those that are tried the first time are not here.
  std::map<pool::TaskId, std::chrono::milliseconds> patience_;
  bool stopping_ = false;
  std::string failure_;
  Totals totals_;
};

}  // namespace pool_tool

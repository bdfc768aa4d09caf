// The master: takes requests, hands each URL to a worker, gives each answer to its request.
//
// It never waits for anybody. A task that does not fit into its worker's inbox waits here, for that
// worker's next message or for 10 ms; a client that does not read gets no new URLs handed out.
//
// One thread: that of the executor.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>

#include "tools/crawler/config.hpp"
#include "tools/crawler/request.hpp"
#include "tools/crawler/totals.hpp"
#include "tools/pool/crew.hpp"
#include "tools/pool/outboxes.hpp"
#include "tools/pool/run_directory.hpp"

namespace crawler {

class Master final : private pool::Crew::Owner {
 public:
  /// Throws ipc::Error if the transport's objects cannot be made, those of the workers to come
  /// included. `worker_program` is a path.
  Master(boost::asio::any_io_executor executor, const Config& config, std::string worker_program);
  ~Master() override;

  void start();
  /// New limits and numbers; workers are replaced one by one as they finish what they have. Throws
  /// ipc::Error, having changed nothing, if the inboxes of more workers do not fit.
  void reconfigure(const Config& config);

  /// Refused, with false, while stopping.
  bool submit(std::shared_ptr<Request> request);
  /// Nobody waits for it any more.
  void abandon(const Request& request);
  /// A client has read: its request may have a turn again.
  void look() { pump(); }

  /// Answers all that waits with `stopped`, lets the tasks in flight finish for `grace`, ends the
  /// workers, then calls `done`. Called again, with `fast`, it does not wait for the tasks.
  void stop(bool fast);
  bool is_stopping() const { return stopping_; }
  /// Once all answers are given: the totals are final.
  std::function<void()> on_answered;
  /// Once the workers are gone as well.
  std::function<void()> on_ended;
  /// Why it stopped by itself; "" if it did not.
  const std::string& failure() const { return failure_; }

  const Totals& totals() const { return totals_; }
  boost::json::object status() const;
  const Config& config() const { return config_; }

 private:
  struct Origin {
    std::shared_ptr<Request> request;
    std::string url;
  };
  /// What the status tells of a worker beyond the crew's report.
  struct Record {
    std::uint64_t done = 0, deaths = 0;
    std::deque<std::string> recent{};  // URLs, the latest last
  };

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
  bool send(pool::TaskId task);
  void arm_overdue();
  void finish(pool::TaskId task, Outcome outcome);
  void give(Request& request, const Outcome& outcome);
  void give_pending(const std::vector<pool::TaskId>& tasks);
  void replace_idle();
  void end_tasks();

  boost::asio::any_io_executor executor_;
  Config config_;
  std::string worker_program_;
  const ipc::Kind& kind_;
  pool::RunId run_;
  pool::RunDirectory directory_;
  ipc::Options inbox_;  ///< How the inboxes are made so that all of them fit.
  pool::Dispatch dispatch_;
  pool::Crew crew_;
  RequestQueue queue_;
  std::unordered_map<pool::TaskId, Origin> origins_;
  pool::Outboxes outboxes_;
  std::map<std::uint32_t, Record> records_;
  std::vector<pool::WorkerId> retired_;  // to be dismissed once idle
  boost::asio::steady_timer overdue_timer_, grace_timer_;
  bool stopping_ = false, answered_ = false;
  std::string failure_;
  Totals totals_;
  pool::Time started_ = pool::Clock::now();
};

}  // namespace crawler

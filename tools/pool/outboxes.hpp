// Tasks that have a worker and are not with it yet, because its inbox has no room.
//
// They are offered in order: at once, whenever that worker is heard (it has read something then), and
// every 10 ms.
//
// One thread: that of the executor.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tools/pool/dispatch.hpp"

namespace pool {

class Outboxes {
 public:
  /// `send` puts a task into its worker's inbox, and must not call back into this object. False: there
  /// is no room.
  Outboxes(const boost::asio::any_io_executor& executor, std::function<bool(TaskId)> send);
  Outboxes(const Outboxes&) = delete;
  Outboxes& operator=(const Outboxes&) = delete;

  void put(WorkerId worker, TaskId task);
  /// There may be room in this worker's inbox.
  void flush(WorkerId worker);
  /// It is dead.
  void remove(WorkerId worker);
  /// Offers nothing any more by itself.
  void stop() { retry_timer_.cancel(); }

 private:
  void arm();

  std::function<bool(TaskId)> send_;
  std::map<WorkerId, std::deque<TaskId>> waiting_;  // none is empty
  boost::asio::steady_timer retry_timer_;
  bool armed_ = false;
};

}  // namespace pool

// The worker: takes tasks from its inbox, downloads, answers with text.
//
// One thread, one loop, around the Fetcher: it watches the inbox and the lifeline while it drives
// the downloads. A master that reads slowly never stops the downloads: what it has no room for waits
// here, in a queue that is never longer than the worker's slots, because the master hands out no
// more tasks than that before it has read an answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "ipc/transport.hpp"
#include "tools/crawler/fetch.hpp"
#include "tools/crawler/protocol.hpp"
#include "tools/crawler/worker_options.hpp"
#include "tools/pool/envelope.hpp"

namespace crawler {

/// Used by one thread.
class Worker {
 public:
  /// Listens, connects to the master and says hello. `stop_fd` becomes readable when the process is
  /// asked to end by a signal; -1 if that cannot be. Throws ipc::Error, or std::runtime_error for
  /// options that make no sense.
  Worker(const WorkerOptions& options, int stop_fd);

  /// Works until it is told to stop, by the master, by stop_fd, by the end of the lifeline, or
  /// because the master is gone. What is under way then is dropped: the master knows of it.
  void run();

 private:
  using Clock = ipc::Deadline::Clock;
  struct Task {
    std::uint64_t id;
    std::uint32_t attempt;
  };

  void say_hello();
  void take_messages();
  void take(const pool::Envelope& envelope);
  void take_task(const pool::Envelope& envelope);
  void answer_finished();
  void send_pong();
  void flush();
  void probe_master();
  bool is_addressed(const pool::Envelope& envelope);
  ipc::Deadline next_turn() const;

  WorkerOptions options_;
  std::unique_ptr<ipc::Receiver> inbox_;
  std::unique_ptr<ipc::Sender> master_;
  Fetcher fetcher_;
  std::vector<Watched> watched_;                   // the inbox first
  std::unordered_map<std::uint64_t, Task> tasks_;  // by the number that the Fetcher has for each
  std::uint64_t numbers_ = 0;
  struct Message {
    pool::Type type;
    std::vector<std::byte> bytes;
  };
  std::deque<Message> unsent_;
  std::chrono::milliseconds patience_{0};  // with the first of them, which did not go at once
  Clock::time_point heard_;                // when the master was last heard, or reached
  bool has_more_ = true;                   // messages may wait in the inbox
  bool is_over_ = false;
};

}  // namespace crawler

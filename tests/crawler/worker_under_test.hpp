// A crawler-worker, and the test in the role of its master: two inboxes and a lifeline.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ipc/sys/fd.hpp"
#include "ipc/transport.hpp"
#include "tools/crawler/protocol.hpp"
#include "tools/crawler/worker_options.hpp"
#include "tools/pool/supervisor_launcher.hpp"

namespace support {

/// What came from a worker.
struct Answer {
  pool::Envelope envelope;  ///< Without its body.
  std::string body;
};

class WorkerUnderTest {
 public:
  /// Starts it as crawlerd does; `by_hand`: as a person does, without slot and lifeline.
  WorkerUnderTest(const ipc::Kind& kind, const crawler::Limits& limits, bool by_hand = false);
  ~WorkerUnderTest();
  WorkerUnderTest(const WorkerUnderTest&) = delete;
  WorkerUnderTest& operator=(const WorkerUnderTest&) = delete;

  /// Waits for its hello and connects to its inbox.
  crawler::Hello meet();

  pool::Envelope envelope(pool::Type type) const;
  void send(const pool::Envelope& envelope);
  void send_raw(ipc::Bytes message);
  void send_task(std::uint64_t task, const std::string& url, std::uint32_t attempt = 1);
  /// The next message but pongs; nothing if none comes in time.
  std::optional<Answer> receive(std::chrono::milliseconds patience = std::chrono::seconds(20));
  /// Whether it answers a ping in time; what else comes first is dropped.
  bool answers_ping();

  void drop_lifeline() { lifeline_.reset(); }
  void drop_inbox() { inbox_.reset(); }
  const pool::Child& child() const { return *child_; }
  /// How it ended; nothing if it did not in time.
  std::optional<pool::Exit> wait(std::chrono::milliseconds patience);

 private:
  std::optional<Answer> receive_any(std::chrono::milliseconds patience);

  const ipc::Kind& kind_;
  crawler::WorkerOptions options_;
  std::unique_ptr<ipc::Receiver> inbox_;
  std::unique_ptr<ipc::Sender> worker_;
  std::string address_;    // of the worker's inbox
  ipc::sys::Fd tasks_;     // the inbox's other end, where it has no name
  ipc::sys::Fd lifeline_;  // its other end
  std::unique_ptr<pool::Child> child_;
  bool is_reaped_ = false;
};

/// The page in a result; fails the test if it is none.
crawler::Page page_in(const Answer& answer);

}  // namespace support

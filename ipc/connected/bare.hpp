// Bare receivers of kinds with connections: what a program that is not ours sends over a connection
// of its own. EOF of the last one is all the end that is told.
#pragma once

#include <functional>
#include <string>

#include "ipc/connected/crowd.hpp"
#include "ipc/connected/receiver.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/transport.hpp"

namespace ipc::connected {

class BareReceiver : public Receiver {
 public:
  struct Terms {
    std::string address;
    sys::Fd listener;
    std::size_t max_senders;  ///< Whoever is one more finds the connection closed.
    std::size_t max_message;
    std::function<bool(Connection&)> admit;
    /// The next message of a connection. May throw, and is then asked again later.
    std::function<Heard(Connection&, Bytes& message)> hear;
  };
  explicit BareReceiver(Terms terms);

 protected:
  void count_foreign(std::size_t bytes) { foreign_ += bytes > 0 ? bytes : 1; }

 private:
  Received do_receive(Deadline) override;
  int do_readiness_fd() override { return readiness_.fd(crowd_.epoll()); }
  std::uint64_t do_foreign_bytes() const override { return foreign_; }

  Crowd crowd_;
  std::function<Heard(Connection&, Bytes& message)> hear_;
  framed::Readiness readiness_;
  bool last_has_left_ = false;
  std::uint64_t foreign_ = 0;
};

/// For BareReceiver on byte streams: a line is a message, and what follows the last newline too.
Heard hear_line(Connection& connection, Bytes& message);

}  // namespace ipc::connected

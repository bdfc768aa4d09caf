// Calling a server (server.hpp), over any kind of transport.
//
//     ipc::rpc::Client client(ipc::kinds::fifo, "demo");
//     const auto answer = client.call(request, ipc::Deadline::after(5s));
//     if (answer) use(answer.body);
//
// One call at a time. Over a call that was given up no later one stumbles: its reply, should it
// come, is dropped, and the server is told that nobody waits for it, if it has room to hear that.
//
// A server that ends is told within a second, however it ends, also while a call waits for its
// reply: about four times a second the client sends a probe, of which nothing but the result
// counts. Whether the server has done what was asked before it ended, nobody knows.
//
// One thread at a time; not usable in a forked child. All functions throw ipc::Error for what nobody
// plans for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/rpc/message.hpp"
#include "ipc/transport.hpp"

namespace ipc::rpc {

class Client {
 public:
  enum class Outcome {
    reply,
    refused,    ///< The server says why.
    timed_out,  ///< The deadline passed first.
    closed,     ///< The server is gone, for ever; make a new client for its successor.
  };
  struct [[nodiscard]] Answer {
    Outcome outcome = Outcome::timed_out;
    Bytes body{};  ///< With reply and refused; valid until the next call of a function.
    explicit operator bool() const { return outcome == Outcome::reply; }
  };

  /// Connects to a server. Throws Trouble::no_receiver if there is none. `reply_at` is for a server on
  /// another host (kinds with many_hosts): a HOST:PORT of this one at which it is reached; port 0 is
  /// any free one.
  Client(const Kind& kind, const std::string& server, const std::string& reply_at = "");
  /// The same over a connection to that server that there is already.
  Client(const Kind& kind, const std::string& server, std::unique_ptr<Sender> connection,
         const std::string& reply_at = "");
  /// Withdraws a call that is under way and takes leave of the server, without waiting for it.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends a request and waits for its answer. Throws EMSGSIZE for more than max_request() bytes.
  Answer call(Bytes request, Deadline deadline = Deadline::never());

  // The same in parts, for programs that wait for other things as well.

  /// Sends a request: ok, timed_out or closed. A call that is under way is withdrawn.
  [[nodiscard]] Status begin(Bytes request, Deadline deadline);
  /// Waits for the answer. After timed_out the call is still under way. With Deadline::at_once() call
  /// it whenever readiness_fd() is readable, and every 250 ms: it is what looks after the server.
  Answer finish(Deadline deadline);
  /// Gives up the call that is under way, if there is one.
  void withdraw();
  /// As Receiver::readiness_fd(), for finish().
  int readiness_fd() { return inbox_->readiness_fd(); }

  /// The longest request in bytes.
  std::size_t max_request() const;

 private:
  Status send(const Message& message, Deadline deadline);
  void send_if_there_is_room(Type type, std::uint64_t number);
  std::optional<Answer> take(Deadline deadline);
  void probe();

  const Kind& kind_;
  std::unique_ptr<Sender> server_;
  std::unique_ptr<Receiver> inbox_;
  std::vector<std::byte> room_;  ///< For the message that is being sent.
  std::uint64_t number_;         ///< Of the latest call.
  bool is_waiting_ = false;      ///< That call is under way.
  bool has_withdrawn_ = false;   ///< A reply may come that nobody waits for.
  bool is_over_ = false;         ///< The server is gone.
  Deadline next_probe_ = Deadline::never();
};

}  // namespace ipc::rpc

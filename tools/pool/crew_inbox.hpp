// The one inbox of a master: what its workers say, decoded.
//
// What is no envelope, or of another run, is dropped and counted; the log tells the first ones and
// then one in a thousand, for well-framed nonsense can come a million times a second.
//
// One thread: that of the executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "ipc/adapters/asio_receiver.hpp"
#include "tools/pool/envelope.hpp"

namespace pool {

class CrewInbox {
 public:
  using Handler = std::function<void(const Envelope&, const ipc::Peer&)>;

  /// Listens. Each envelope of this run goes to `handler`, whose references live as long as the call.
  /// Throws ipc::Error.
  CrewInbox(boost::asio::any_io_executor executor, const ipc::Kind& kind,
            const std::string& address, const ipc::Options& options, RunId run, Handler handler);
  CrewInbox(const CrewInbox&) = delete;
  CrewInbox& operator=(const CrewInbox&) = delete;

  const std::string& address() const { return receiver_->address(); }
  /// Hears from now on, until the inbox is destroyed.
  void start();
  /// Hears at once what is there already: until nothing is left, or `peer` is told to have died, or a
  /// second has passed.
  void hear_the_last_of(std::optional<std::uint32_t> peer);

  /// Counts a message that is bad in the handler's eyes.
  void drop(const std::string& why);
  std::uint64_t dropped() const { return dropped_; }

 private:
  boost::asio::awaitable<void> hear();
  void handle(const ipc::Received& received);

  boost::asio::any_io_executor executor_;
  RunId run_;
  Handler handler_;
  std::unique_ptr<ipc::Receiver> receiver_;
  ipc::adapters::AsioReceiver hearing_;
  std::uint64_t dropped_ = 0;
};

}  // namespace pool

#include "tools/pool/crew_inbox.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include "tools/pool/dispatch.hpp"

namespace pool {
namespace asio = boost::asio;

namespace {

constexpr std::uint64_t logged = 20, between = 1000;
// How long the death of one worker may hold up the others, should its last words never end.
constexpr std::chrono::seconds last_words{1};

/// Shell workers connect anew for each message, and killed ones keep their place for a moment.
ipc::Options with_room_for_all(const ipc::Kind& kind, ipc::Options options) {
  if (std::ranges::find(kind.options, "max_senders") != kind.options.end())
    options.max_senders = ipc::kMostSenders;
  return options;
}

}  // namespace

CrewInbox::CrewInbox(asio::any_io_executor executor, const ipc::Kind& kind,
                     const std::string& address, const ipc::Options& options, RunId run,
                     Handler handler)
    : executor_(std::move(executor)),
      run_(run),
      handler_(std::move(handler)),
      receiver_(kind.listen(address, with_room_for_all(kind, options))),
      hearing_(executor_, *receiver_) {}

void CrewInbox::start() {
  asio::co_spawn(executor_, hear(), [](const std::exception_ptr& error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const boost::system::system_error& aborted) {
      // The inbox is gone, and with it the descriptor that was waited for.
      if (aborted.code() != asio::error::operation_aborted) throw;
    }
  });
}

asio::awaitable<void> CrewInbox::hear() {
  for (;;) handle(co_await hearing_.receive());
}

void CrewInbox::hear_the_last_of(std::optional<std::uint32_t> peer) {
  const Time end = Clock::now() + last_words;
  while (Clock::now() < end) {
    const ipc::Received received = receiver_->receive(ipc::Deadline::at_once());
    if (received.status == ipc::Status::timed_out) return;
    if (received.status == ipc::Status::died && received.peer.id == peer) return;
    handle(received);
  }
}

void CrewInbox::handle(const ipc::Received& received) {
  if (received.status != ipc::Status::ok) return;  // the end of a connection is no worker's death
  const Decoded decoded = decode(received.message);
  if (!decoded)
    drop(decoded.problem);
  else if (decoded.envelope->run != run_)
    drop("of the run " + to_text(decoded.envelope->run) + ", not of this one");
  else
    handler_(*decoded.envelope, received.peer);
}

void CrewInbox::drop(const std::string& why) {
  ++dropped_;
  if (dropped_ <= logged || dropped_ % between == 0)
    spdlog::warn("bad message number {} dropped: {}", dropped_, why);
}

}  // namespace pool

#include "tools/rpc/slow_replies.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

namespace tools {
namespace {

// Signals are for the thread that waits for them, which this one is not.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

struct SlowReplies::Reply {
  Reply(ipc::rpc::Deferred deferred, std::uint64_t of, bool refusal, std::string bytes)
      : call(std::move(deferred)), number(of), refused(refusal), text(std::move(bytes)) {}

  void run(ipc::Deadline deadline, int event) {
    block_signals();
    problem = send(deadline);
    is_done.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    while (::write(event, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  std::string send(ipc::Deadline deadline) {
    const std::string which = "request " + std::to_string(number);
    try {
      const auto status = refused ? call.refuse(text, deadline)
                                  : call.reply(std::as_bytes(std::span(text)), deadline);
      // One that is gone has nothing to complain of.
      return status == ipc::Status::timed_out ? which + ": its caller does not read the reply" : "";
    } catch (const ipc::Error& error) {
      return which + ": no reply can be sent: " + error.what();
    }
  }

  ipc::rpc::Deferred call;
  std::uint64_t number;
  bool refused;
  std::string text;
  std::string problem{};
  std::atomic<bool> is_done{false};
  std::thread thread{};
};

SlowReplies::SlowReplies(std::chrono::nanoseconds patience)
    : patience_(patience), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.is_open()) throw ipc::Error("eventfd", "", errno);
}

SlowReplies::~SlowReplies() {
  for (const auto& reply : replies_) reply->thread.join();
}

void SlowReplies::add(ipc::rpc::Deferred call, std::uint64_t number, bool refused,
                      std::string text) {
  replies_.push_back(std::make_unique<Reply>(std::move(call), number, refused, std::move(text)));
  Reply& reply = *replies_.back();
  try {
    reply.thread = std::thread([&reply, deadline = ipc::Deadline::after(patience_),
                                event = event_.get()] { reply.run(deadline, event); });
  } catch (const std::system_error& error) {
    replies_.pop_back();  // there is no thread to join
    throw ipc::Error("pthread_create", "for a slow reply", error.code().value());
  }
}

std::vector<std::string> SlowReplies::take_done() {
  std::uint64_t count = 0;
  while (::read(event_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  std::vector<std::string> problems;
  for (auto at = replies_.begin(); at != replies_.end();) {
    Reply& reply = **at;
    if (!reply.is_done.load(std::memory_order_acquire)) {
      ++at;
      continue;
    }
    reply.thread.join();
    if (!reply.problem.empty()) problems.push_back(std::move(reply.problem));
    at = replies_.erase(at);
  }
  return problems;
}

}  // namespace tools

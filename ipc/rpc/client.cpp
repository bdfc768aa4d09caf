#include "ipc/rpc/client.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <utility>

#include "ipc/rpc/reply_inbox.hpp"

namespace ipc::rpc {
namespace {

using namespace std::chrono_literals;

constexpr auto kProbe = 250ms;
constexpr auto kFirstPatience = 100ms;

// 63 random bits: counting up from there will not come to 0, which is no call's number.
std::uint64_t first_number() {
  std::random_device random;
  return std::uniform_int_distribution<std::uint64_t>(1, UINT64_MAX / 2)(random);
}

}  // namespace

Client::Client(const Kind& kind, const std::string& server, const std::string& reply_at)
    : Client(kind, server, kind.connect(server, {.require_receiver = kind.traits.durable}),
             reply_at) {}

Client::Client(const Kind& kind, const std::string& server, std::unique_ptr<Sender> connection,
               const std::string& reply_at)
    : kind_(kind),
      server_(std::move(connection)),
      inbox_(listen_for_replies(kind, server, reply_at)),
      number_(first_number()) {}

Client::~Client() {
  const std::string address = inbox_->address();
  try {
    withdraw();
    send_if_there_is_room(Type::leave, 0);
    inbox_.reset();
    // What was still on its way to it would keep the inbox of a durable kind.
    kind_.remove(address);
  } catch (const Error&) {
    // The server finds out by itself, and what is left the next caller with this name removes.
  } catch (const std::logic_error&) {
    // In a forked child: all of it is the parent's.
  }
}

std::size_t Client::max_request() const {
  const std::size_t taken = kHeader + inbox_->address().size();
  return server_->max_message() - std::min(taken, server_->max_message());
}

Client::Answer Client::call(Bytes request, Deadline deadline) {
  const Status begun = begin(request, deadline);
  if (begun != Status::ok)
    return {begun == Status::closed ? Outcome::closed : Outcome::timed_out, {}};
  const Answer answer = finish(deadline);
  if (answer.outcome == Outcome::timed_out) withdraw();
  return answer;
}

Status Client::begin(Bytes request, Deadline deadline) {
  withdraw();
  ++number_;
  const Message message{Type::call, number_, inbox_->address(), request};
  // The server may be stuck in the answer of a call that was withdrawn, and then hears nothing until
  // that has been read: so send and read in turns, each for longer every time.
  auto patience = has_withdrawn_ ? Deadline::after(kFirstPatience) : Deadline::never();
  for (auto turn = kFirstPatience;; turn *= 2, patience = Deadline::after(turn)) {
    const Status status = send(message, std::min(deadline, patience));
    is_waiting_ = status == Status::ok;
    if (status != Status::timed_out || deadline.expired()) return status;
    (void)inbox_->receive(std::min(deadline, Deadline::after(turn)));
  }
}

Client::Answer Client::finish(Deadline deadline) {
  if (!is_waiting_) throw std::logic_error("finish without a call that is under way");
  for (;;) {
    if (const auto answer = take(std::min(deadline, next_probe_))) return *answer;
    if (is_over_) {
      // It may have answered before it ended.
      if (const auto answer = take(Deadline::at_once())) return *answer;
      is_waiting_ = false;
      return {Outcome::closed, {}};
    }
    if (next_probe_.expired()) probe();
    if (!is_over_ && deadline.expired()) return {};
  }
}

// The answer, if it comes in time; also nothing, early, once a sender of ours has left.
std::optional<Client::Answer> Client::take(Deadline deadline) {
  for (;;) {
    const Received got = inbox_->receive(deadline);
    switch (got.status) {
      case Status::ok: {
        const auto message = decode(got.message);
        if (!message || message->number != number_) break;  // of a call that was given up
        if (message->type != Type::reply && message->type != Type::refusal) break;
        is_waiting_ = false;
        return Answer{message->type == Type::reply ? Outcome::reply : Outcome::refused,
                      message->body};
      }
      case Status::died:
      case Status::closed:
        // Perhaps it was the server; perhaps it only has too many callers to stay connected to each.
        next_probe_ = Deadline::at_once();
        return std::nullopt;
      case Status::timed_out:
        return std::nullopt;
    }
  }
}

void Client::probe() {
  (void)send({.type = Type::probe}, Deadline::at_once());
}

void Client::withdraw() {
  if (!std::exchange(is_waiting_, false)) return;
  has_withdrawn_ = true;
  send_if_there_is_room(Type::withdraw, number_);
}

void Client::send_if_there_is_room(Type type, std::uint64_t number) {
  if (!is_over_) (void)send({.type = type, .number = number}, Deadline::at_once());
}

Status Client::send(const Message& message, Deadline deadline) {
  const Status status = server_->send(encode(message, room_), deadline);
  if (status == Status::closed) is_over_ = true;
  next_probe_ = Deadline::after(kProbe);
  return status;
}

}  // namespace ipc::rpc

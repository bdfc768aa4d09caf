#include "ipc/rpc/server.hpp"

#include <cerrno>
#include <chrono>
#include <span>

#include "ipc/rpc/reply_inbox.hpp"

namespace ipc::rpc {
namespace {

std::unique_ptr<Sender> connect(const Kind& kind, const std::string& address) {
  Options options;
  options.require_receiver = kind.traits.durable;  // what is sent to the dead must not stay
  return kind.connect(address, options);
}

// A killed process loses what it has one after the other: its connection may be gone before its inbox.
constexpr auto kTornDown = std::chrono::seconds(1);

const Options& checked(const Options& options) {
  constexpr std::size_t least = kHeader + kMostAddress;
  if (options.max_message.value_or(kMaxMessage) >= least) return options;
  throw Error(Trouble::invalid, EINVAL,
              "max_message = " + std::to_string(*options.max_message) + ": a call takes up to " +
                  std::to_string(least) + " bytes for its header and the address of its reply");
}

}  // namespace

Server::Server(const Kind& kind, const std::string& address, const Options& options)
    : kind_(kind),
      name_(address),
      inbox_(kind.listen(address, checked(options))),
      // More cannot be connected at a time, so beyond this there are some that have left.
      most_callers_(options.max_senders.value_or(kMaxSenders)) {
  sweep();  // after those who died with the server before
}

// In a forked child this finds nothing that is nobody's.
Server::~Server() {
  callers_.clear();
  sweep();
}

Server::Request Server::next(Deadline deadline) {
  for (;;) {
    if (next_sweep_.expired()) sweep();
    const Received got = inbox_->receive(std::min(deadline, next_sweep_));
    switch (got.status) {
      case Status::ok:
        break;
      case Status::timed_out:
        if (next_sweep_.expired() && !deadline.expired()) continue;
        return {};
      case Status::died:
        if (const auto dead = callers_.find(got.peer.id); dead != callers_.end()) forget(dead);
        // Also those that were killed before their first call, of whose inboxes nobody has heard.
        sweep();
        next_sweep_ = Deadline::after(kTornDown);
        continue;
      case Status::closed:
        while (!callers_.empty()) forget(callers_.begin());
        continue;
    }
    const auto message = decode(got.message);
    if (!message || !take(*message, got.peer)) {
      ++foreign_messages_;
      continue;
    }
    const Call call{got.peer.id, message->number};
    if (message->type == Type::call && is_wanted(call))
      return {Status::ok, call, message->body, got.peer};
  }
}

// False if it is no message for a server.
bool Server::take(const Message& message, const Peer& peer) {
  const auto caller = callers_.find(peer.id);
  switch (message.type) {
    case Type::call:
      return take_call(message, peer);
    case Type::withdraw:
      if (caller != callers_.end()) caller->second.open.erase(message.number);
      return true;
    case Type::leave:
      if (caller != callers_.end()) forget(caller);
      return true;
    case Type::probe:
      return true;
    case Type::reply:
    case Type::refusal:
      break;
  }
  return false;
}

bool Server::take_call(const Message& message, const Peer& peer) {
  if (!is_reply_address(kind_, message.address)) return false;
  if (callers_.size() >= most_callers_ && !callers_.contains(peer.id)) forget_idle();
  auto [entry, is_new] = callers_.try_emplace(peer.id, Caller{std::string(message.address)});
  Caller& caller = entry->second;
  if (caller.address != message.address || caller.open.contains(message.number)) return false;
  caller.heard = ++requests_;
  caller.open.insert(message.number);
  if (caller.sender != nullptr) return true;
  try {
    // Now and not with the reply: of a caller that is gone, killed or in an earlier life of a durable
    // inbox, nothing has to be done.
    caller.sender = connect(kind_, caller.address);
  } catch (const Error& error) {
    if (error.trouble() == Trouble::no_receiver) forget(entry);
    // Any other reason is told by reply(), which tries again.
  }
  return true;
}

bool Server::is_wanted(Call call) const {
  const auto caller = callers_.find(call.caller);
  return caller != callers_.end() && caller->second.open.contains(call.number);
}

Server::Caller* Server::caller_of(Call call) {
  if (!is_wanted(call)) return nullptr;
  Caller& caller = callers_.at(call.caller);
  try {
    if (caller.sender == nullptr) caller.sender = connect(kind_, caller.address);
    return &caller;
  } catch (const Error& error) {
    if (error.trouble() != Trouble::no_receiver) throw;
    forget(callers_.find(call.caller));
    return nullptr;
  }
}

std::size_t Server::max_reply(Call call) {
  const Caller* caller = caller_of(call);
  return (caller != nullptr ? caller->sender->max_message() : kMaxMessage) - kHeader;
}

Status Server::reply(Call call, Bytes body, Deadline deadline) {
  return answer(call, Type::reply, body, deadline);
}

Status Server::refuse(Call call, std::string_view why, Deadline deadline) {
  return answer(call, Type::refusal, std::as_bytes(std::span(why)), deadline);
}

Status Server::answer(Call call, Type type, Bytes body, Deadline deadline) {
  Caller* caller = caller_of(call);
  if (caller == nullptr) return Status::closed;
  const Message message{.type = type, .number = call.number, .body = body};
  const Status status = caller->sender->send(encode(message, room_), deadline);
  if (status == Status::ok) caller->open.erase(call.number);
  if (status == Status::closed) forget(callers_.find(call.caller));
  return status;
}

Deferred Server::defer(Call call) {
  Caller& caller = callers_.at(call.caller);
  caller.open.erase(call.number);
  return {kind_, caller.address, call.number};
}

Status Deferred::reply(Bytes body, Deadline deadline) {
  return answer({.type = Type::reply, .number = number_, .body = body}, deadline);
}

Status Deferred::refuse(std::string_view why, Deadline deadline) {
  return answer({.type = Type::refusal, .number = number_, .body = std::as_bytes(std::span(why))},
                deadline);
}

Status Deferred::answer(const Message& message, Deadline deadline) {
  try {
    if (sender_ == nullptr) sender_ = connect(*kind_, address_);
  } catch (const Error& error) {
    if (error.trouble() != Trouble::no_receiver) throw;
    return Status::closed;
  }
  std::vector<std::byte> room;
  return sender_->send(encode(message, room), deadline);
}

// Its inbox is gone if it ended well; what a killed one leaves, nobody else might ever find.
void Server::forget(Callers::iterator caller) {
  const std::string address = std::move(caller->second.address);
  callers_.erase(caller);
  try {
    kind_.remove(address);
  } catch (const Error&) {
    // Another caller has the name by now, or it is not ours to remove. Nothing of this server's
    // depends on it.
  }
}

void Server::sweep() {
  next_sweep_ = Deadline::never();
  try {
    remove_dead_inboxes(kind_, name_);
  } catch (const Error&) {
    // Whatever cannot be removed now is for the next sweep, or the next caller.
  }
}

// Makes room for a newcomer: away with the one that has not called for longest. If it is still
// there after all, its next call connects to it again.
void Server::forget_idle() {
  const auto idle = [](const auto& entry) { return entry.second.open.empty(); };
  auto longest = callers_.end();
  for (auto at = callers_.begin(); at != callers_.end(); ++at)
    if (idle(*at) && (longest == callers_.end() || at->second.heard < longest->second.heard))
      longest = at;
  if (longest != callers_.end()) forget(longest);
}

}  // namespace ipc::rpc

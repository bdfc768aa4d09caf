#include "ipc/connected/crowd.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "ipc/sys/socket.hpp"

namespace ipc::connected {
namespace {

constexpr unsigned kTurn = 64;        // messages
constexpr unsigned kNewcomers = 256;  // in one round, so that those who are there are heard too

constexpr auto kTryEvery = std::chrono::milliseconds(250);

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// What accept(2) says not of the listener but of a connection that is over by now, or that a
// firewall's rule forbids.
bool is_of_the_newcomer(int error) {
  constexpr int errors[] = {ECONNABORTED, EPERM,  EPROTO,       ENETDOWN,   ENOPROTOOPT,
                            EHOSTDOWN,    ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};
  return std::ranges::find(errors, error) != std::end(errors);
}

}  // namespace

Crowd::Crowd(std::string address, sys::Fd listener, std::optional<std::size_t> most_strangers,
             std::function<bool(Connection&)> admit)
    : address_(std::move(address)),
      listener_(std::move(listener)),
      most_strangers_(most_strangers),
      admit_(std::move(admit)),
      epoll_(sys::make_epoll("one descriptor for the listener and all connections")) {
  watch_listener();
}

void Crowd::spoke() {
  if (++spoken_ >= kTurn) failed();
}

void Crowd::failed() {
  carried_.push_back(speaker());
  next_turn();
}

void Crowd::fell_silent() {
  speaker()->ready_in = 0;
  next_turn();
}

void Crowd::leave() {
  remove(*speaker());
  next_turn();
}

void Crowd::next_turn() {
  ++turn_;
  spoken_ = 0;
}

void Crowd::remove(Connection& connection) {
  const int fd = connection.socket.get();
  // Explicitly, because a forked child may hold the connection open, and it would stay a member.
  sys::epoll_remove(epoll_.get(), fd, "this connection is over");
  connections_.erase(fd);
}

bool Crowd::next_round(Deadline deadline) {
  ++round_;
  turn_ = 0;
  spoken_ = 0;
  ready_.swap(carried_);
  carried_.clear();
  for (Connection* each : ready_) each->ready_in = round_;
  // Room for all, so that who is not among them has nothing.
  events_.resize(connections_.size() + 1);
  if (is_short()) deadline = std::min(deadline, next_try_);
  const auto count =
      sys::epoll_wait(epoll_.get(), events_, ready_.empty() ? deadline : Deadline::at_once(),
                      "who has something? Look at the ends now and then");
  bool knocked = backlog_left_ && next_try_.expired();
  for (std::size_t i = 0; i < count; ++i) {
    if (events_[i].data.fd == listener_.get()) {
      knocked = true;
      continue;
    }
    Connection& connection = *connections_.at(events_[i].data.fd);
    if (connection.ready_in == round_) continue;
    connection.ready_in = round_;
    ready_.push_back(&connection);
  }
  if (knocked) accept_newcomers();
  return !ready_.empty();
}

void Crowd::accept_newcomers() {
  backlog_left_ = true;
  next_try_ = Deadline::at_once();
  for (unsigned i = 0; i < kNewcomers; ++i) {
    const auto accepted = sys::accept4(listener_.get(), "a sender has come");
    if (accepted.ok()) {
      let_in(sys::Fd(accepted.fd()));
      continue;
    }
    if (accepted.error == EAGAIN) {
      if (is_short()) watch_listener();
      backlog_left_ = false;
      return;
    }
    if (is_of_the_newcomer(accepted.error)) continue;
    if (is_shortage(accepted.error) && send_a_stranger_away(0)) continue;
    next_try_ = Deadline::after(kTryEvery);
    if (is_short()) return;  // that has been told
    sys::epoll_remove(epoll_.get(), listener_.get(), "it would be readable for ever");
    watches_listener_ = false;
    accepted.check(address_);
  }
}

void Crowd::watch_listener() {
  sys::epoll_add(epoll_.get(), listener_.get(), "readable when somebody connects");
  watches_listener_ = true;
}

void Crowd::let_in(sys::Fd socket) {
  const int fd = socket.get();
  auto newcomer = std::make_unique<Connection>();
  newcomer->socket = std::move(socket);
  newcomer->number = ++newcomers_;
  newcomer->ready_in = round_;  // most have something to say: heard without asking epoll
  if (!admit_(*newcomer)) return;
  if (most_strangers_) (void)send_a_stranger_away(*most_strangers_);
  sys::epoll_add(epoll_.get(), fd, "readable when a frame arrives");
  ready_.push_back((connections_[fd] = std::move(newcomer)).get());
}

// Not one who has only come: a sender says who it is at once, and it may have sent much and be gone
// before we look at it for the first time.
bool Crowd::send_a_stranger_away(std::size_t most) {
  if (!most_strangers_) return false;
  std::size_t strangers = 0;
  Connection* first = nullptr;
  for (const auto& [fd, connection] : connections_) {
    const bool is_silent = connection->foreign || connection->ready_in != round_;
    if (connection->peer.id != 0 || connection->met || !is_silent) continue;
    ++strangers;
    if (!first || connection->number < first->number) first = connection.get();
  }
  if (strangers <= most) return false;
  std::erase(ready_, first);  // no turn is under way
  remove(*first);
  return true;
}

}  // namespace ipc::connected

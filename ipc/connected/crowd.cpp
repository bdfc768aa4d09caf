#include "ipc/connected/crowd.hpp"

#include <algorithm>
#include <cerrno>

#include "ipc/sys/socket.hpp"

namespace ipc::connected {
namespace {

constexpr unsigned kTurn = 64;        // messages
constexpr unsigned kNewcomers = 256;  // in one round, so that those who are there are heard too

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Crowd::Crowd(sys::Fd listener, std::optional<std::size_t> most_strangers,
             std::function<bool(Connection&)> admit)
    : listener_(std::move(listener)),
      most_strangers_(most_strangers),
      admit_(std::move(admit)),
      epoll_(sys::make_epoll("one descriptor for the listener and all connections")) {
  sys::epoll_add(epoll_.get(), listener_.get(), "readable when somebody connects");
}

void Crowd::spoke() {
  if (++spoken_ < kTurn) return;
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
  const auto count =
      sys::epoll_wait(epoll_.get(), events_, ready_.empty() ? deadline : Deadline::at_once(),
                      "who has something? Look at the ends now and then");
  bool knocked = backlog_left_;
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
  for (unsigned i = 0; i < kNewcomers; ++i) {
    const auto accepted = sys::accept4(listener_.get(), "a sender has come");
    if (accepted.error == EAGAIN) {
      backlog_left_ = false;
      return;
    }
    if (is_shortage(accepted.error)) {
      // Whoever waits there waits on; without descriptors nobody can be let in.
      if (send_a_stranger_away()) continue;
      accepted.check("");
    }
    // accept(2) also reports what has befallen a connection that is over by now.
    if (!accepted.ok()) continue;
    auto newcomer = std::make_unique<Connection>();
    newcomer->socket = sys::Fd(accepted.fd());
    newcomer->number = ++newcomers_;
    newcomer->ready_in = round_;  // most have something to say: heard without asking epoll
    if (!admit_(*newcomer)) continue;
    if (most_strangers_ && newcomer->peer.id == 0) {
      const auto strangers = std::ranges::count_if(
          connections_, [](const auto& each) { return each.second->peer.id == 0; });
      if (static_cast<std::size_t>(strangers) >= *most_strangers_) send_a_stranger_away();
    }
    sys::epoll_add(epoll_.get(), newcomer->socket.get(), "readable when a frame arrives");
    ready_.push_back(newcomer.get());
    connections_[newcomer->socket.get()] = std::move(newcomer);
  }
}

bool Crowd::send_a_stranger_away() {
  if (!most_strangers_) return false;
  Connection* longest = nullptr;
  for (const auto& [fd, connection] : connections_)
    if (connection->peer.id == 0 && (!longest || connection->number < longest->number))
      longest = connection.get();
  if (!longest) return false;
  std::erase(ready_, longest);  // no turn is under way
  remove(*longest);
  return true;
}

}  // namespace ipc::connected

// The connections of one receiver, and whose turn it is.
//
// Kinds with connections have a channel per sender instead of one for all, so it is the receiver who
// decides in which order it hears them. It goes round: each epoll_wait(2) begins a round of all
// connections that have something, and each of these is heard for at most 64 messages before the
// next, so that one that never stops talking cannot make the others wait for ever.
//
// Who comes while no descriptor is free waits in the listener's backlog, where what it sends is kept.
// The listener is then not watched, since it would stay readable for ever, but tried four times a
// second.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/transport.hpp"
#include "ipc/wire/lines.hpp"
#include "ipc/wire/reassembly.hpp"
#include "ipc/wire/stream.hpp"

namespace ipc::connected {

/// One accepted connection and what has come over it so far.
struct Connection {
  sys::Fd socket;
  Peer peer;                           ///< Its id is 0 for a stranger, who has said nothing yet.
  wire::Assembly assembly;             ///< Frames: the unfinished message.
  wire::StreamParser stream;           ///< Frames on a stream: the unfinished frame.
  std::unique_ptr<wire::Lines> lines;  ///< Bare on a stream: the unfinished line.
  std::uint64_t number = 0;            ///< Counts up.
  std::uint64_t ready_in = 0;          ///< The last round in which it had something.
  std::chrono::nanoseconds heard{};    ///< When it had something for the last time (coarse_now).
  std::uint64_t arrived = 0;  ///< At which of Inbox::marks() nothing was on its way any more.
  bool met = false;           ///< No stranger though it has no id: it sends no messages.
  bool foreign = false;       ///< What comes is counted, and no more than that.
  bool retired = false;       ///< Its sender's end has been told, though it is still open.
};

/// One thread at a time. Where a function throws, the crowd goes on working, and so do all of its
/// connections.
class Crowd {
 public:
  /// `address` is for errors. `admit` looks at each newcomer; false sends it away. Of strangers who
  /// have nothing to say at most `most_strangers` may stay, then the one that came first must go: a
  /// listener is everybody's, and those who connect and say nothing must not use up our descriptors.
  Crowd(std::string address, sys::Fd listener, std::optional<std::size_t> most_strangers,
        std::function<bool(Connection&)> admit);

  /// Readable when anybody has something or comes.
  int epoll() const { return epoll_.get(); }
  std::size_t size() const { return connections_.size(); }
  std::uint64_t round() const { return round_; }
  /// Whether somebody may be waiting who cannot be let in, for lack of descriptors or memory.
  bool is_short() const { return !watches_listener_; }

  /// Whose turn it is, or null when all of this round have had theirs. What is asked of a speaker
  /// ends with one of the four below.
  Connection* speaker() const { return turn_ < ready_.size() ? ready_[turn_] : nullptr; }
  void spoke();        ///< A message has been taken; perhaps its turn is over.
  void fell_silent();  ///< It has nothing more now.
  void failed();       ///< It could not be heard; perhaps in the next round.
  void leave();        ///< It has ended.

  /// Waits until anybody has something; false if nobody has. Only when speaker() is null. Throws,
  /// once for each time that is_short() becomes true, what has made it so.
  bool next_round(Deadline deadline);

  /// Whether all connections for which `matters` holds have been found empty in a round after
  /// `round`.
  template <class Matters>
  bool drained_since(std::uint64_t round, Matters matters) const {
    if (round_ <= round || backlog_left_) return false;
    for (const auto& [fd, connection] : connections_)
      if (connection->ready_in == round_ && matters(*connection)) return false;
    return true;
  }
  template <class Condition>
  Connection* find(Condition condition) {
    for (const auto& [fd, connection] : connections_)
      if (condition(*connection)) return connection.get();
    return nullptr;
  }

 private:
  void accept_newcomers();
  void let_in(sys::Fd socket);
  bool send_a_stranger_away(std::size_t most);
  void watch_listener();
  void remove(Connection& connection);
  void next_turn();

  std::string address_;
  sys::Fd listener_;
  std::optional<std::size_t> most_strangers_;
  std::function<bool(Connection&)> admit_;
  sys::Fd epoll_;
  std::map<int, std::unique_ptr<Connection>> connections_;  ///< By descriptor.
  std::vector<epoll_event> events_;
  std::vector<Connection*> ready_;    ///< This round's, in order.
  std::vector<Connection*> carried_;  ///< Those of them that may have more.
  std::size_t turn_ = 0;
  unsigned spoken_ = 0;
  std::uint64_t round_ = 1;
  std::uint64_t newcomers_ = 0;
  bool backlog_left_ = false;
  bool watches_listener_ = false;
  Deadline next_try_ = Deadline::at_once();  ///< Of the listener that is not watched.
};

}  // namespace ipc::connected

// Answering remote calls, over any kind of transport.
//
//     ipc::rpc::Server server(ipc::kinds::fifo, "demo");
//     while (const auto request = server.next())
//       (void)server.reply(request.call, answer_to(request.body), ipc::Deadline::after(1s));
//
// Requests come through the server's one inbox, each with the address of its caller's (message.hpp,
// reply_inbox.hpp). Any number of calls may be open at once and be answered in any order.
//
// No caller harms the others: one that is killed has its open calls and its inbox removed, at the
// latest a second after next() has heard of its death, or when the server ends; one that
// gives a call up has its reply dropped, and bytes that are no call are counted and dropped. But one
// that does not read its reply is waited for as long as reply() is told to. Give it a deadline; and
// where others must not wait at all, hand over at once what has room, and the rest in a thread of its
// own (defer).
//
// One thread at a time; not usable in a forked child. All functions throw ipc::Error for what nobody
// plans for.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ipc/rpc/message.hpp"
#include "ipc/transport.hpp"

namespace ipc::rpc {

/// A call that its server has let go of, to be answered over a connection of its own. It may be used
/// in another thread than the server, one at a time, and outlive it.
class Deferred {
 public:
  /// As Server::reply() and refuse(). What timed_out may be tried again.
  [[nodiscard]] Status reply(Bytes body, Deadline deadline);
  [[nodiscard]] Status refuse(std::string_view why, Deadline deadline);

 private:
  friend class Server;
  Deferred(const Kind& kind, std::string address, std::uint64_t number)
      : kind_(&kind), address_(std::move(address)), number_(number) {}
  Status answer(const Message& message, Deadline deadline);

  const Kind* kind_;
  std::string address_;
  std::uint64_t number_;
  std::unique_ptr<Sender> sender_{};  ///< Made when it is first needed.
};

class Server {
 public:
  /// One call of one caller. A value; what it names may be over at any time.
  struct Call {
    std::uint32_t caller = 0;  ///< Its connection: Peer::id.
    std::uint64_t number = 0;
    friend auto operator<=>(const Call&, const Call&) = default;
  };

  struct [[nodiscard]] Request {
    Status status = Status::timed_out;  ///< ok or timed_out.
    Call call{};
    Bytes body{};  ///< Valid until the next next().
    Peer peer{};
    explicit operator bool() const { return status == Status::ok; }
  };

  /// Takes the address, as Kind::listen() does with the same options; max_message includes the
  /// header and the caller's address, and is at least what these may take.
  Server(const Kind& kind, const std::string& address, const Options& options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Waits for the next request. Those whose caller has gone meanwhile are skipped.
  Request next(Deadline deadline = Deadline::never());

  /// Answers a call. `ok`: the reply is in the inbox of a caller that was alive within the last
  /// second, and the call is over. `closed`: nobody waits for it any more, and the call is over.
  /// `timed_out`: it found no room; the call is still open. Throws EMSGSIZE, the call still open, for
  /// a reply of more than max_reply() bytes, and ipc::Error if the caller cannot be reached though
  /// it lives.
  [[nodiscard]] Status reply(Call call, Bytes body, Deadline deadline);
  /// The same for a call that gets no reply; `why` is a sentence for whoever called.
  [[nodiscard]] Status refuse(Call call, std::string_view why, Deadline deadline);

  /// Lets go of a call that is_wanted(): it is over for the server, and to be answered by what is
  /// returned.
  Deferred defer(Call call);

  /// Whether anybody waits for this call, as far as next() has heard: not if it was answered or
  /// withdrawn, or if its caller has ended.
  bool is_wanted(Call call) const;

  /// The longest reply in bytes that this caller takes.
  std::size_t max_reply(Call call);

  /// As Receiver::readiness_fd(), for next().
  int readiness_fd() { return inbox_->readiness_fd(); }
  /// What a caller must be given.
  const std::string& address() const { return inbox_->address(); }
  /// Messages so far that were no calls, and were dropped.
  std::uint64_t foreign_messages() const { return foreign_messages_; }
  /// Bytes so far that were no messages of this library, and were skipped.
  std::uint64_t foreign_bytes() const { return inbox_->foreign_bytes(); }

 private:
  struct Caller {
    std::string address;
    std::unique_ptr<Sender> sender{};  ///< Null until its inbox could be connected to.
    std::set<std::uint64_t> open{};    ///< Its calls that have no answer yet.
    std::uint64_t heard = 0;           ///< When, as a count of requests.
  };
  using Callers = std::unordered_map<std::uint32_t, Caller>;

  bool take(const Message& message, const Peer& peer);
  bool take_call(const Message& message, const Peer& peer);
  Status answer(Call call, Type type, Bytes body, Deadline deadline);
  Caller* caller_of(Call call);
  void forget(Callers::iterator caller);
  void forget_idle();
  void sweep();

  const Kind& kind_;
  const std::string name_;
  std::unique_ptr<Receiver> inbox_;
  Deadline next_sweep_ = Deadline::never();
  Callers callers_;  ///< By their connection.
  std::size_t most_callers_;
  std::vector<std::byte> room_;  ///< For the message that is being sent.
  std::uint64_t requests_ = 0;
  std::uint64_t foreign_messages_ = 0;
};

}  // namespace ipc::rpc

// TCP: the one kind that needs no common kernel.
//
//   name        HOST:PORT, or PORT on the loopback interface; bind(2) and listen(2) own it. Or a NAME,
//               on this host only: the port is then any free one, and the lease NAME tells it
//   boundaries  none, as on every stream: frames with a commit byte (wire/stream.hpp)
//   full        the sender waits once the receiver's window and its own send buffer are used up; both
//               grow by themselves to some megabytes (net.ipv4.tcp_rmem, tcp_wmem)
//   end         EOF, or a reset, in order after the last byte. A host that is gone says nothing at
//               all: keepalive asks an idle connection, TCP_INFO tells of one with data outstanding
//   stale name  none: a port is free when its listener is. Connections of the last life may remain in
//               TIME_WAIT; SO_REUSEADDR says that they do not count
//   cost        two copies and the whole protocol, even on loopback: three to four times a stream
//   poll        yes: an epoll descriptor over the listener and all connections
//
//     sender, here      --frames---->  [send buffer]~~segments~~>[receive buffer]  --+
//                       a place in the lease's page, as with stream                  +-- epoll(7)
//     sender, elsewhere --hello----->                                                |
//                       <--welcome--   frames ----> ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~>  --+
//
// What surprises:
//
// *A slow receiver is alive.* TCP_USER_TIMEOUT, which promises to end connections to lost hosts, also
// ends one to a program that has stopped reading: its window is zero, our data is unacknowledged, and
// that is all it looks at (tried). So the question is asked apart: three transmissions or window
// probes unanswered *and* not a single segment heard for 5 s. A kernel whose program sleeps answers.
//
// *Restart after a kill works at once*, since what remains of the old life are connections. Two that
// start together can both bind(2) with SO_REUSEADDR, but listen(2) fails for one. Never SO_REUSEPORT:
// with it both would get half of the senders.
//
// *A dead sender's messages may be on their way.* On all other kinds what was sent is in the channel,
// and the channel is empty when nothing can be read. Here the sender's kernel goes on sending after
// its process has ended. So its end is told at the EOF. If a forked child keeps that from us, the
// kernel is asked about the other end, whether it has anything that is not here (sock_diag(7)); where
// it does not tell, 400 ms of silence must do.
//
// *An answer can destroy messages.* Data that arrives at a socket whose process is gone makes its
// kernel reset the connection and drop what has not been delivered. So a receiver writes nothing on
// the connection that brings messages; how many have been taken is told on another
// (connected/tcp_hello.hpp).
//
// *Who may connect?* On loopback every user of this host, elsewhere everybody: TCP proves nobody's
// identity, and hides nothing. Bind it to other interfaces among friends only.
//
// *A forked child of the receiver that lives on keeps its listener*, and so the port; a NAME can be
// taken over nevertheless.
//
// Bare (Options::bare), with PORT or HOST:PORT: lines, as for `nc HOST PORT` and `telnet`.
//
// See tcp(7), socket(7), RFC 9293, RFC 1122 4.2.2.13 and 4.2.3.6.
#include "ipc/sys/tcp.hpp"

#include <array>
#include <map>
#include <optional>

#include "ipc/bare/lines.hpp"
#include "ipc/connected/bare.hpp"
#include "ipc/connected/stream.hpp"
#include "ipc/connected/tcp_hello.hpp"
#include "ipc/connected/tcp_place.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/tcp_diag.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc {
namespace {

using connected::Connection;
using connected::Heard;

constexpr auto kGoodbyePatience = std::chrono::seconds(1);
// Twice as long as TCP waits before it sends a lost segment again (200 ms, TCP_RTO_MIN in Linux).
constexpr auto kTravelTime = std::chrono::milliseconds(400);

bool may_be_on_its_way(const Connection& connection) {
  if (const auto bytes = sys::unacknowledged_at_peer(connection.socket.get())) return *bytes > 0;
  return sys::coarse_now() - connection.heard < kTravelTime;
}

class TcpReceiver final : private connected::TcpPlace, public connected::FramedReceiver {
 public:
  TcpReceiver(const std::string& address, const Options& options)
      : TcpPlace(address, options),
        FramedReceiver({.address = found_at(),
                        .listener = take_listener(),
                        .max_message = options.max_message.value_or(kMaxMessage),
                        .slots = lease().slots(),
                        .lives = [this](std::uint32_t slot) { return lease().sender_lives(slot); },
                        .any_lives = [this] { return lease().any_sender_lives(); },
                        .admit =
                            [](Connection& newcomer) {
                              sys::keep_alive(newcomer.socket.get());
                              return true;
                            },
                        .is_on_its_way = may_be_on_its_way}),
        max_message_(static_cast<std::uint32_t>(options.max_message.value_or(kMaxMessage))) {}

  ~TcpReceiver() override { finish(); }

 private:
  Heard hear(Connection& connection, wire::Frame& frame) override {
    std::size_t foreign = 0;
    const Heard heard = ears_.hear(connection, frame, foreign);
    if (heard == Heard::foreign) count_foreign(foreign);
    return heard;
  }

  bool meet(Connection& stranger, const wire::Frame& frame) override {
    if (frame.flags == connected::kWatch && frame.payload.size() == 4)
      return watch(stranger, connected::number_of(frame.payload));
    const auto magic = std::as_bytes(std::span(connected::kMagic));
    if (frame.flags != connected::kHello || frame.payload.size() != magic.size() + 4 ||
        !std::ranges::equal(frame.payload.first(magic.size()), magic))
      return false;
    try {
      sys::Seat seat(path(), "tcp");
      seat.enter();
      seat.show_pid(static_cast<pid_t>(connected::number_of(frame.payload.subspan(magic.size()))));
      stranger.peer.id = seat.id();
      (void)connected::send_note(
          stranger.socket.get(),
          connected::note(connected::kHello, seat.id(), connected::number_text(max_message_)),
          "welcome: your number, and how long a message may be");
      guests_.insert_or_assign(stranger.peer.id, std::move(seat));
    } catch (const Error& error) {
      if (error.trouble() != Trouble::limit) throw;
      (void)connected::send_note(stranger.socket.get(),
                                 connected::note(connected::kRefused, 0, error.what()),
                                 "no place is free");
    }
    return true;
  }

  // Each guest may watch once: so there are no more of these connections than places.
  bool watch(Connection& stranger, std::uint32_t sender) {
    if (!guests_.contains(sender)) return false;
    for (const auto& [connection, watch] : watched_)
      if (watch.sender == sender) return false;
    stranger.met = true;
    watched_[&stranger] = {sender, std::nullopt};
    consumed();
    return true;
  }

  bool take_note(Connection& speaker, const wire::Frame& frame) override {
    if (frame.flags == wire::kNudge) return true;
    const auto guest = guests_.find(speaker.peer.id);
    if (frame.flags != connected::kGoodbye || guest == guests_.end()) return false;
    guest->second.leave();
    return true;
  }

  // Its place is given back; if it has not left, as with a process here that has died.
  void ended(Connection& connection) override {
    guests_.erase(connection.peer.id);
    watched_.erase(&connection);
  }

  void consumed() override {
    for (auto& [connection, watch] : watched_) {
      const auto& slot = lease().slots()[watch.sender % lease().slots().size()];
      const auto taken = slot.taken.load(std::memory_order_relaxed);
      const bool is_its = taken >> 32 == watch.sender / lease().slots().size();
      const auto count = is_its ? static_cast<std::uint32_t>(taken) : 0;
      if (watch.told == count) continue;
      if (connected::send_note(
              connection->socket.get(),
              connected::note(connected::kTaken, watch.sender, connected::number_text(count)),
              "how many have been taken"))
        watch.told = count;
    }
  }

  struct Watch {
    std::uint32_t sender;
    std::optional<std::uint32_t> told;
  };
  std::uint32_t max_message_;
  connected::StreamEars ears_;
  std::map<std::uint32_t, sys::Seat> guests_;  ///< By number: those without a seat of their own.
  std::map<Connection*, Watch> watched_;
};

class TcpSender final : public Sender {
 public:
  explicit TcpSender(connected::TcpLink link) : Sender(link.max_message), link_(std::move(link)) {
    sys::keep_alive(link_.socket.get());
    outbox_.enter(link_.id);
    if (link_.seat)
      (void)put(wire::encode({.sender = link_.id, .flags = wire::kNudge}), {}, Deadline::at_once());
  }

  ~TcpSender() override {
    if (!ends_well()) return;
    if (link_.seat) {
      link_.seat->leave();  // before the connection closes: who sees its end finds the goodbye
      return;
    }
    try {
      (void)put(wire::encode({.sender = link_.id, .flags = connected::kGoodbye}), {},
                Deadline::after(kGoodbyePatience));
    } catch (const Error&) {
      // Nobody is left to be told; without the goodbye the receiver is told of a death.
    }
  }

 private:
  Status put(Bytes header, Bytes payload, Deadline deadline) {
    return mouth_.put(link_.socket.get(), header, payload, deadline,
                      [this] { return receiver_lives(); });
  }
  bool receiver_lives() {
    if (link_.seat) return link_.seat->receiver_lives();
    return !sys::is_host_lost(link_.socket.get());
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (link_.seat && !link_.seat->receiver_lives()) return Status::closed;
    return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
      return put(header, payload, until);
    });
  }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    if (link_.seat) return link_.seat->taken(outbox_.sent(), want, deadline);
    try {
      if (!watch_.is_open()) {
        watch_ = sys::connect_tcp(sys::resolve_endpoint(link_.object), deadline,
                                  "a connection of its own for the counts");
        (void)connected::send_note(
            watch_.get(), connected::note(connected::kWatch, 0, connected::number_text(link_.id)),
            "tell me how many of mine are taken");
      }
      wire::Frame answer;
      while (taken_ < want && counts_.next(watch_.get(), answer, deadline, link_.object)) {
        // The count travels modulo 2^32; what is missing to `sent` is always less than that.
        const auto missing =
            static_cast<std::uint32_t>(outbox_.sent()) - connected::number_of(answer.payload);
        taken_ = outbox_.sent() - missing;
      }
    } catch (const Error& error) {
      if (error.trouble() != Trouble::no_receiver) throw;
    }
    return taken_;
  }

  connected::TcpLink link_;
  connected::StreamMouth mouth_;
  framed::Outbox outbox_{wire::kFrameHeader + wire::kStreamPayload};
  sys::Fd watch_;
  connected::NoteReader counts_;
  std::uint64_t taken_ = 0;
};

class BareTcpReceiver final : private connected::TcpPlace, public connected::BareReceiver {
 public:
  BareTcpReceiver(const std::string& address, const Options& options)
      : TcpPlace(address, options),
        BareReceiver({.address = found_at(),
                      .listener = take_listener(),
                      .max_senders = options.max_senders.value_or(kMaxSenders),
                      .max_message = options.max_message.value_or(kMaxMessage),
                      .admit =
                          [](Connection& newcomer) {
                            sys::keep_alive(newcomer.socket.get());
                            return true;
                          },
                      .hear = connected::hear_line}) {}
};

constexpr std::array<std::string_view, 4> known_options{"mode", "max_message", "max_senders",
                                                        "bare"};

}  // namespace

const Kind kinds::tcp{
    .name = "tcp",
    .summary = "TCP streams: senders on any host, without a broker; loopback unless told otherwise",
    .traits = {.bare = true, .many_hosts = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (options.bare) return std::make_unique<BareTcpReceiver>(address, options);
          return std::make_unique<TcpReceiver>(address, options);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          if (!options.bare) return std::make_unique<TcpSender>(connected::TcpLink::to(address));
          const auto endpoint = sys::resolve_endpoint(address);
          sys::check_speaks_bare(connected::TcpPlace::path_of(endpoint));
          return std::make_unique<bare::LineSender>(
              address, sys::connect_tcp(endpoint, Deadline::after(connected::kAnswerPatience),
                                        "to any program"));
        },
        .remove =
            [](const std::string& address) {
              sys::remove_dead(sys::is_endpoint(address)
                                   ? connected::TcpPlace::path_of(sys::resolve_endpoint(address))
                                   : sys::resolve(address));
            },
    },
};

}  // namespace ipc

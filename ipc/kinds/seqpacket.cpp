// AF_UNIX sequenced packets: connections that keep boundaries.
//
//   name        a socket file, or an abstract name; bind(2) makes it, unlink(2) takes the file
//   boundaries  kept by the kernel: one sendmsg(2) is one recv(2)
//   full        the sender waits once its own SO_SNDBUF is used up (212,992 bytes: 555 packets of one
//               byte, or one frame of 128 KiB); others are not concerned, each has its connection
//   end         told at once, in both directions and in order: a sender's as EOF after its last
//               packet, a receiver's as EPIPE. Whether it was in good order the slot of the lease
//               says (sys/lease.hpp), and so it is with an end that a forked child keeps from us
//   stale name  the file outlives its process, and bind(2) to it then fails with EADDRINUSE; the
//               lease settles whose it is. An abstract name goes with its socket
//   cost        two copies, one system call each, an epoll_wait(2) for every round of connections
//   poll        yes: an epoll descriptor over the listener and all connections
//
//     sender A --sendmsg(2)--> [A1][A2][A3]  connection A --+              +--recv(2)--> message of A
//                                                           +-- epoll(7) --+
//     sender B --sendmsg(2)--> [B1]          connection B --+   whose turn +--recv(2)--> message of B
//                              in the kernel, each with                        64 at most, then the
//                              its own room                                    next connection's
//
// What surprises:
//
// *It is dgram with an end.* Boundaries as there, but who talks to whom is fixed when they connect:
// the receiver is told of every end by the kernel, one sender that fills its queue does not stop the
// others, and the order in which they are heard is the receiver's to choose.
//
// *Who connected is proven.* SO_PEERCRED is the pid and uid of the process that called connect(2), as
// the kernel saw it then; asked once per connection, it costs the messages nothing.
//
// *An EOF looks like an empty packet.* recv(2) says 0 for both. Our frames are never empty; the bare
// receiver asks for credentials with each packet, and the EOF is what comes without.
//
// *poll(2) is cautious.* A socket counts as writable only when three quarters of its buffer are free,
// while a small packet would fit long before; so a sender tries first and polls afterwards.
//
// *An abstract name is open to all.* It has no permissions: processes of any user in this network
// namespace can connect (tried). Hence only our own user is heard there, or Options::from_uid.
//
// Bare (Options::bare): one packet, one message, for any program that speaks SOCK_SEQPACKET: a few
// lines of Python, `socat - UNIX-CONNECT:PATH,type=5`.
//
// See unix(7), socket(7) on SO_PEERCRED, epoll(7).
#include <array>
#include <cerrno>

#include "ipc/connected/stream.hpp"
#include "ipc/connected/unix.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/socket.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc {
namespace {

using connected::Connection;
using connected::Heard;

constexpr connected::UnixType packets{"seqpacket", SOCK_SEQPACKET,
                                      "boundaries kept, a connection for each sender"};

constexpr std::size_t kUnit = std::size_t{128} << 10;
// As for datagrams: unix(7) takes no packet longer than 4 MiB plus 17 pages (seen on 6.18).
constexpr std::size_t kLongestPacket = 4'263'616;
// What the kernel keeps of SO_SNDBUF for itself.
constexpr std::size_t kSendBufferOverhead = 32;

std::size_t longest_packet(int socket) {
  return std::min(kLongestPacket, sys::send_buffer_size(socket) - kSendBufferOverhead);
}

class SeqpacketReceiver final : public connected::UnixReceiver {
 public:
  SeqpacketReceiver(const std::string& address, const Options& options)
      : UnixReceiver(address, packets, options) {}

 private:
  Heard hear(Connection& connection, wire::Frame& frame) override {
    const auto got =
        sys::recv(connection.socket.get(), {buffer_.get(), kUnit}, "one packet is one frame");
    if (got.error == EAGAIN) return Heard::nothing;
    // A reset: the sender has left with something of ours unread, which is an end as well.
    if (connected::is_end(got.error) || got.check("a connection").value == 0) return Heard::ended;
    const auto packet = got.count() <= kUnit && !connection.foreign
                            ? wire::decode({buffer_.get(), got.count()})
                            : std::optional<wire::Frame>();
    if (packet) {
      frame = *packet;
      return Heard::frame;
    }
    connection.foreign = true;
    count_foreign(got.count());
    return Heard::foreign;
  }

  std::unique_ptr<std::byte[]> buffer_ = std::make_unique_for_overwrite<std::byte[]>(kUnit);
};

// One packet, whole or not at all.
template <class Lives>
Status put_packet(int socket, std::span<const iovec> parts, Deadline deadline, Lives lives) {
  for (;;) {
    const auto sent = sys::sendmsg(socket, parts, "one packet, whole or not at all");
    if (sent.ok()) return Status::ok;
    if (connected::is_end(sent.error)) return Status::closed;
    if (sent.error != EAGAIN) sent.check("");
    if (!lives()) return Status::closed;
    if (deadline.expired()) return Status::timed_out;
    sys::wait_writable(socket, std::min(deadline, Deadline::after(sys::Seat::kLook)),
                       "full: until there is room, or the receiver is gone");
  }
}

class SeqpacketSender final : public connected::UnixSender {
 public:
  explicit SeqpacketSender(const std::string& address) : UnixSender(address, packets, kUnit) {
    greet();
  }

 private:
  Status put(Bytes header, Bytes payload, Deadline deadline) override {
    const std::array parts{sys::part(header), sys::part(payload)};
    return put_packet(socket(), parts, deadline, [this] { return receiver_lives(); });
  }
};

class BareSeqpacketSender final : public Sender {
 public:
  explicit BareSeqpacketSender(sys::Fd socket)
      : Sender(longest_packet(socket.get())), socket_(std::move(socket)) {}

 private:
  Status do_send(Bytes message, Deadline deadline) override {
    const std::array parts{sys::part(message)};
    return put_packet(socket_.get(), parts, deadline, [] { return true; });
  }
  sys::Fd socket_;
};

// Hears packets of any program. The buffer grows to the longest that has come.
class BarePackets {
 public:
  Heard operator()(Connection& connection, Bytes& message) {
    sys::pass_credentials(connection.socket.get());
    std::optional<sys::Credentials> credentials;
    bool truncated = false;
    const auto got = sys::recvmsg(connection.socket.get(), buffer_, credentials, truncated,
                                  "one packet is one message");
    if (got.error == EAGAIN) return Heard::nothing;
    if (connected::is_end(got.error)) return Heard::ended;
    if (got.check("a connection").value == 0 && !credentials) return Heard::ended;
    if (truncated) return Heard::foreign;
    message = Bytes(buffer_).first(got.count());
    return Heard::frame;
  }

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kLongestPacket);
};

constexpr std::array<std::string_view, 6> known_options{"mode",     "max_message", "max_senders",
                                                        "from_uid", "abstract",    "bare"};

}  // namespace

const Kind kinds::seqpacket{
    .name = "seqpacket",
    .summary = "AF_UNIX packets over a connection per sender: boundaries, credentials, ends",
    .traits = {.proves_peer = true, .bare = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (!options.bare) return std::make_unique<SeqpacketReceiver>(address, options);
          return std::make_unique<connected::BareUnixReceiver>(address, packets, options,
                                                               BarePackets());
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          if (!options.bare) return std::make_unique<SeqpacketSender>(address);
          return std::make_unique<BareSeqpacketSender>(
              connected::connect_bare(address, packets, options));
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc

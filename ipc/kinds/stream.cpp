// AF_UNIX streams: a private pipe to the receiver for each sender.
//
//   name        a socket file, or an abstract name; bind(2) makes it, unlink(2) takes the file
//   boundaries  none, and no unit either: a write may go in by any part. So a frame counts only with
//               the commit byte behind it (wire/stream.hpp)
//   full        the sender waits once its own SO_SNDBUF is used up (212,992 bytes); others are not
//               concerned, each has its connection
//   end         told at once, in both directions and in order: a sender's as EOF after its last
//               byte, a receiver's as EPIPE. Whether it was in good order the slot of the lease says
//               (sys/lease.hpp), and so it is with an end that a forked child keeps from us
//   stale name  the file outlives its process, and bind(2) to it then fails with EADDRINUSE; the
//               lease settles whose it is. An abstract name goes with its socket
//   cost        two copies; one system call for each frame on the sender's side, and on the
//               receiver's one for all that fit in 256 KiB
//   poll        yes: an epoll descriptor over the listener and all connections
//
//     sender A --sendmsg(2)--> header|payload|commit|header|pay..   connection A --+
//                              in the kernel, cut wherever it                      |
//                              was full                                epoll(7): whose turn?
//                                                                                  |
//     sender B --sendmsg(2)--> header|payload|commit                connection B --+
//                                                                                  v
//                                                        read(2), 256 KiB: frames, and the rest
//                                                        of one that waits for its end
//
// What surprises:
//
// *Half a frame is ordinary.* A pipe takes a page or nothing; a stream takes what it has room for. A
// sender whose deadline passes in the middle of a frame can neither take it back nor leave the rest
// out: the receiver would take the next header for payload. It pays the rest later, in zeros, and the
// commit byte then says that the frame was given up.
//
// *A killed sender needs no more than EOF.* Its stream is its own: what lacks the commit byte at the
// end is dropped, and no other stream is touched. On a FIFO that takes frames of one page.
//
// *One read brings many messages.* So this is the cheapest socket for small ones on the receiver's
// side. Buffers of 320 KiB are lent to those connections that have something, so idle ones are free.
//
// *Who connected is proven* by SO_PEERCRED, as with seqpacket; and an abstract name is open to all
// users, as there.
//
// Bare (Options::bare): a line is a message, for `socat - UNIX-CONNECT:PATH`, `nc -U PATH` and every
// language's sockets; what follows the last newline before the EOF is one as well.
//
// See unix(7), socket(7) on SO_PEERCRED, epoll(7).
#include "ipc/connected/stream.hpp"

#include <array>

#include "ipc/bare/lines.hpp"
#include "ipc/connected/unix.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/socket.hpp"

namespace ipc {
namespace {

using connected::Connection;
using connected::Heard;

constexpr connected::UnixType streams{"stream", SOCK_STREAM,
                                      "bytes in order, a connection for each sender"};

class StreamReceiver final : public connected::UnixReceiver {
 public:
  StreamReceiver(const std::string& address, const Options& options)
      : UnixReceiver(address, streams, options) {}

 private:
  Heard hear(Connection& connection, wire::Frame& frame) override {
    std::size_t foreign = 0;
    const Heard heard = ears_.hear(connection, frame, foreign);
    if (heard == Heard::foreign) count_foreign(foreign);
    return heard;
  }

  connected::StreamEars ears_;
};

class StreamSender final : public connected::UnixSender {
 public:
  explicit StreamSender(const std::string& address)
      : UnixSender(address, streams, wire::kFrameHeader + wire::kStreamPayload) {
    greet();
  }

 private:
  Status put(Bytes header, Bytes payload, Deadline deadline) override {
    return mouth_.put(socket(), header, payload, deadline, [this] { return receiver_lives(); });
  }

  connected::StreamMouth mouth_;
};

constexpr std::array<std::string_view, 6> known_options{"mode",     "max_message", "max_senders",
                                                        "from_uid", "abstract",    "bare"};

}  // namespace

const Kind kinds::stream{
    .name = "stream",
    .summary = "AF_UNIX stream over a connection per sender: credentials, ends, many per read",
    .traits = {.proves_peer = true, .bare = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (!options.bare) return std::make_unique<StreamReceiver>(address, options);
          return std::make_unique<connected::BareUnixReceiver>(address, streams, options,
                                                               connected::hear_line);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          if (!options.bare) return std::make_unique<StreamSender>(address);
          return std::make_unique<bare::LineSender>(
              address, connected::connect_bare(address, streams, options));
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc

// AF_UNIX datagrams: the post office of one machine.
//
//   name        a socket file, or an abstract name; bind(2) makes it, unlink(2) takes the file
//   boundaries  kept by the kernel: one sendmsg(2) is one recvmsg(2)
//   full        the sender waits once net.unix.max_dgram_qlen + 1 (11) datagrams of *all* senders
//               wait at the receiver, or its own SO_SNDBUF is used up; unlike UDP nothing is lost
//   end         a dead receiver is told at the next send (ECONNREFUSED); a dead sender never, there
//               is no connection to break: the locks of the lease tell it (sys/lease.hpp)
//   stale name  the file outlives its process, and bind(2) to it then fails with EADDRINUSE; the
//               usual "refused? then unlink and bind" gave two owners in 4 of 400 races (measured),
//               the lease in none
//   cost        two copies, one system call each, one wake-up if the receiver sleeps
//   poll        yes, the socket itself; for room only on a *connected* socket
//
//     sender A --sendmsg(2)--+                        +--recvmsg(2)--> frame + pid + uid
//               copy         |  kernel: <= 11 whole   |     copy         (SCM_CREDENTIALS:
//                            +--> datagrams in order -+                   proven by the kernel)
//     sender B --sendmsg(2)--+
//
// What surprises:
//
// *The longest datagram is a matter of buffers.* It must fit SO_SNDBUF (212,960 bytes by default),
// and the kernel wants one contiguous piece of memory for much of it, so even a raised limit ends at
// 4 MiB and fails with ENOBUFS when memory is fragmented. Frames of 128 KiB never come near.
//
// *Who sent it is proven.* With SO_PASSCRED each datagram carries the sender's pid and uid as the
// kernel knows them; Options::from_uid rests on that.
//
// *Backlog 11.* One slow receiver stops all of its senders early. That is back-pressure, and fair:
// but a sleeping receiver is woken for nearly every message.
//
// *An abstract name is open to all.* It has no file and no permissions: processes of any user in this
// network namespace can send there. Hence only our own user is heard, or Options::from_uid.
//
// Bare (Options::bare) is the plain socket: one datagram, one message, for any program that speaks
// AF_UNIX: a few lines of Python, `socat - UNIX-SENDTO:PATH`, `logger -u PATH`.
//
// See unix(7), and SCM_CREDENTIALS there.
#include <unistd.h>

#include <array>
#include <fstream>

#include "ipc/framed/inbox.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/socket.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc {
namespace {

constexpr std::size_t kUnit = std::size_t{128} << 10;
// unix(7) takes no datagram longer than 4 MiB plus 17 pages (seen on 6.18), whatever SO_SNDBUF.
constexpr std::size_t kLongestDatagram = 4'263'616;
// What the kernel keeps of SO_SNDBUF for itself: a datagram of SO_SNDBUF - 32 bytes is the longest.
constexpr std::size_t kSendBufferOverhead = 32;

sys::Lease::Terms terms_of(const Options& options) {
  return {.kind = "dgram",
          .home = options.abstract ? sys::Home::abstract : sys::Home::path,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .bare = options.bare};
}

std::uint64_t queue_length() {
  std::uint64_t length = 10;
  std::ifstream("/proc/sys/net/unix/max_dgram_qlen") >> length;
  return length + 1;
}

// An abstract name has no permissions, so anybody may send there; we hear our own user alone.
std::optional<uid_t> heard(const Options& options) {
  if (options.from_uid || !options.abstract) return options.from_uid;
  return ::geteuid();
}

// One socket that receives, and whose datagrams it takes.
class Mailbox {
 public:
  Mailbox(const Options& options, std::size_t room)
      : socket_(sys::make_unix_socket(SOCK_DGRAM, "boundaries kept, no connections")),
        from_uid_(heard(options)),
        room_(room),
        buffer_(std::make_unique_for_overwrite<std::byte[]>(room)) {
    sys::pass_credentials(socket_.get());  // before bind: not one datagram without
  }

  /// The next datagram of a user whom we hear; nothing if none waits.
  std::optional<Bytes> take(Peer& from) {
    for (;;) {
      std::optional<sys::Credentials> credentials;
      bool truncated = false;
      const auto got = sys::recvmsg(socket_.get(), {buffer_.get(), room_}, credentials, truncated,
                                    "one datagram is one frame");
      if (got.error == EAGAIN) return std::nullopt;
      got.check("");
      const bool heard = !from_uid_ || (credentials && credentials->uid == *from_uid_);
      if (truncated || !heard) {
        skip(got.count());
        continue;
      }
      if (credentials) {
        from.pid = credentials->pid;
        from.uid = credentials->uid;
      }
      return Bytes(buffer_.get(), got.count());
    }
  }

  // An empty datagram is foreign too, and must be seen to be counted.
  void skip(std::size_t bytes) { skipped_ += std::max<std::size_t>(bytes, 1); }
  std::uint64_t skipped() const { return skipped_; }
  int fd() const { return socket_.get(); }

 private:
  sys::Fd socket_;
  std::optional<uid_t> from_uid_;
  std::size_t room_;
  std::unique_ptr<std::byte[]> buffer_;
  std::uint64_t skipped_ = 0;
};

// The lease makes the object, and the object here is a bound socket.
auto bind_to(const Mailbox& mailbox, const sys::Path& path, const Options& options) {
  return [&mailbox, path, mode = options.mode.value_or(0600),
          abstract = options.abstract](const std::string& object) {
    sys::bind_unix(mailbox.fd(), {path, object.substr(object.rfind('/') + 1), abstract}, mode,
                   abstract ? "a name without a file" : "makes the socket file");
  };
}

class DgramReceiver final : public Receiver {
 public:
  DgramReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        mailbox_(options, kUnit),
        lease_(sys::resolve(address), terms_of(options),
               bind_to(mailbox_, sys::resolve(address), options)),
        inbox_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .any_lives = [this] { return lease_.any_sender_lives(); },
                .max_message = terms_of(options).max_message,
                .channel_frames = queue_length()}) {}

  ~DgramReceiver() override {
    if (ends_well()) inbox_.begin();  // the last message is consumed
  }

 private:
  Received do_receive(Deadline deadline) override {
    inbox_.begin();
    for (;;) {
      if (const auto event = inbox_.overdue()) return readiness_.done(*event, false);
      Peer from;
      if (const auto datagram = mailbox_.take(from)) {
        const auto frame = wire::decode(*datagram);
        if (!frame || !inbox_.plausible(*frame))
          mailbox_.skip(datagram->size());
        else if (const auto got = inbox_.accept(*frame, from))
          return readiness_.done(*got, false);
        continue;
      }
      if (inbox_.look()) continue;
      if (const auto event = inbox_.settle()) return readiness_.done(*event, false);
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      sys::wait_readable(mailbox_.fd(), std::min(deadline, inbox_.next_look()),
                         "no datagram waits; look at the locks now and then");
    }
  }

  int do_readiness_fd() override { return readiness_.fd(mailbox_.fd()); }
  std::uint64_t do_foreign_bytes() const override { return mailbox_.skipped(); }

  Mailbox mailbox_;
  sys::Lease lease_;
  framed::Inbox inbox_;
  framed::Readiness readiness_;
};

class BareDgramReceiver final : public Receiver {
 public:
  BareDgramReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        mailbox_(options, kLongestDatagram),
        lease_(sys::resolve(address), terms_of(options),
               bind_to(mailbox_, sys::resolve(address), options)) {}

 private:
  Received do_receive(Deadline deadline) override {
    for (;;) {
      Received received{Status::ok};
      if (const auto datagram = mailbox_.take(received.peer)) {
        received.message = *datagram;
        return received;
      }
      if (deadline.expired()) return {};
      sys::wait_readable(mailbox_.fd(), deadline, "until a datagram comes");
    }
  }
  int do_readiness_fd() override { return mailbox_.fd(); }
  std::uint64_t do_foreign_bytes() const override { return mailbox_.skipped(); }

  Mailbox mailbox_;
  sys::Lease lease_;
};

// A connected socket: only then does poll(2) tell whether the *receiver's* queue has room.
class Post {
 public:
  explicit Post(const sys::UnixName& name)
      : object_(name.shown()), socket_(sys::make_unix_socket(SOCK_DGRAM, "to send from")) {
    const auto connected =
        sys::connect_unix(socket_.get(), name, "connected, so that poll sees its queue");
    if (connected.error == ECONNREFUSED || connected.error == ENOENT)
      throw Error(Trouble::no_receiver, connected.error, "connect " + object_ + ": no receiver");
    if (connected.error == EPROTOTYPE)
      throw Error(Trouble::invalid, EPROTOTYPE,
                  "connect " + object_ + ": is a socket of another type, not SOCK_DGRAM");
    connected.check(object_);
  }

  /// One datagram. `lives` is asked now and then while there is no room.
  template <class Lives>
  Status put(std::span<const iovec> parts, Deadline deadline, Lives lives) {
    for (;;) {
      const auto sent = sys::sendmsg(socket_.get(), parts, "one datagram, whole or not at all");
      if (sent.ok()) return Status::ok;
      if (sent.error == ECONNREFUSED || sent.error == ENOTCONN || sent.error == ECONNRESET ||
          sent.error == EPIPE)
        return Status::closed;
      if (sent.error != EAGAIN) sent.check(object_);
      if (!lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      sys::wait_writable(socket_.get(), std::min(deadline, Deadline::after(sys::Seat::kLook)),
                         "its queue is full: until it takes one, or is gone");
    }
  }

  void try_put(Bytes datagram, const char* why) {
    const std::array parts{sys::part(datagram)};
    (void)sys::sendmsg(socket_.get(), parts, why);
  }
  std::size_t longest() const {
    return std::min(kLongestDatagram, sys::send_buffer_size(socket_.get()) - kSendBufferOverhead);
  }

 private:
  std::string object_;
  sys::Fd socket_;
};

class DgramSender final : public Sender {
 public:
  explicit DgramSender(const sys::Path& path) : DgramSender(path, sys::Seat(path, "dgram")) {}

  ~DgramSender() override {
    if (!ends_well()) return;
    seat_.leave();
    post_.try_put(framed::Outbox::nudge(), "tell the receiver to look: we have left");
  }

 private:
  DgramSender(const sys::Path& path, sys::Seat seat)
      : Sender(seat.max_message()),
        seat_(std::move(seat)),
        post_({path, seat_.object(), seat_.home() == sys::Home::abstract}),
        outbox_(std::min(kUnit, post_.longest())) {
    // If its queue is full the receiver has reason enough to wake, and finds us at the locks.
    post_.try_put(framed::Outbox::nudge(), "tell the receiver to look: we have come");
    seat_.enter();
    outbox_.enter(seat_.id());
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (!seat_.receiver_lives()) return Status::closed;
    return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
      const std::array parts{sys::part(header), sys::part(payload)};
      return post_.put(parts, until, [this] { return seat_.receiver_lives(); });
    });
  }
  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(outbox_.sent(), want, deadline);
  }

  sys::Seat seat_;
  Post post_;
  framed::Outbox outbox_;
};

class BareDgramSender final : public Sender {
 public:
  explicit BareDgramSender(const sys::UnixName& name) : BareDgramSender(Post(name)) {}

 private:
  explicit BareDgramSender(Post post) : Sender(post.longest()), post_(std::move(post)) {}
  Status do_send(Bytes message, Deadline deadline) override {
    const std::array parts{sys::part(message)};
    return post_.put(parts, deadline, [] { return true; });
  }
  Post post_;
};

constexpr std::array<std::string_view, 6> known_options{"mode",     "max_message", "max_senders",
                                                        "from_uid", "abstract",    "bare"};

}  // namespace

const Kind kinds::dgram{
    .name = "dgram",
    .summary = "AF_UNIX datagrams: boundaries and senders' credentials from the kernel",
    .traits = {.proves_peer = true, .bare = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (options.bare) return std::make_unique<BareDgramReceiver>(address, options);
          return std::make_unique<DgramReceiver>(address, options);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          const auto path = sys::resolve(address);
          if (!options.bare) return std::make_unique<DgramSender>(path);
          sys::check_speaks_bare(path);
          return std::make_unique<BareDgramSender>(
              sys::UnixName{path, path.name, options.abstract});
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc

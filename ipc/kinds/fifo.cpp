// FIFOs: a pipe with a name in the file system.
//
//   name        a file made by mkfifo(3); open(2) finds the pipe behind it, unlink(2) takes the name
//   boundaries  none: bytes of all writers follow each other. But a write of at most PIPE_BUF (4096)
//               bytes goes in whole, and that makes the frame (wire/frame.hpp)
//   full        65,536 bytes (F_SETPIPE_SZ); poll(2) says writable exactly when a whole page is
//               free, so a frame that was promised room fits
//   end         a writer's end is told only when it was the last (EOF); a reader's as EPIPE. Neither
//               says who, or whether in good order: the locks of the lease do (sys/lease.hpp)
//   stale name  the file outlives its readers, and open(2) of a FIFO nobody reads hangs, or fails
//               with ENXIO; the lease settles whose it is
//   cost        two copies, one system call each, one wake-up if the reader sleeps
//   poll        yes, the descriptor itself
//
//     sender A   [frame]--write(2)--+                               +--read(2)-->  parser: whose?
//                  user memory      |   kernel: 16 pages, in order  |   256 KiB of    |
//                                   +-->[A1][B1][A2][A3][B2]...-----+   user memory   +-> A's message
//     sender B   [frame]--write(2)--+                                                 +-> B's message
//
// What surprises:
//
// *flock(2) around long writes is not enough.* A writer killed inside write(1 MiB) leaves 64 KiB of
// half a message in the pipe and the lock free: with random kills everybody after it was misread
// within 40-90 ms (measured). Frames of one page cost nothing instead: with 64-KiB messages they
// are faster than plain writes (3.2 against 1.4 GB/s), because reader and writer overlap.
//
// *The receiver opens its own FIFO for writing too.* Else it would see EOF whenever no sender is
// connected, poll(2) would report a hang-up for ever, and an event loop would spin on it. Linux
// defines O_RDWR on a FIFO, fifo(7); POSIX leaves it open.
//
// Bare (Options::bare) is the FIFO as `cat` and `echo` know it: lines, no frames, no lease for the
// sender. There EOF is all that is told, so the bare receiver opens for reading only, and after
// each EOF opens anew, which ends the hang-up.
//
// See fifo(7), pipe(7), and POSIX.1-2017, write(), on PIPE_BUF.
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <functional>

#include "ipc/bare/lines.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/sigpipe.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/wire/frame.hpp"
#include "ipc/wire/lines.hpp"

namespace ipc {
namespace {

constexpr std::size_t kReadRoom = std::size_t{256} << 10;
constexpr std::size_t kUnit = PIPE_BUF;

sys::Lease::Terms terms_of(const Options& options) {
  return {.kind = "fifo",
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .bare = options.bare};
}

auto make_fifo(mode_t mode) {
  return [mode](const std::string& path) {
    (void)sys::mkfifo(path, mode, "the pipe's name in the file system").check(path);
    const auto shaped = sys::chmod(path, mode, "exactly this mode, whatever the umask");
    if (!shaped.ok()) (void)sys::unlink(path, "it could not be made whole");
    shaped.check(path);
  };
}

sys::Fd open_fifo(const std::string& path, int flags, const char* why) {
  const auto opened = sys::open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0, why);
  if (opened.error == ENXIO || opened.error == ENOENT)
    throw Error(Trouble::no_receiver, opened.error, "connect " + path + ": no receiver");
  return sys::Fd(opened.check(path).fd());
}

std::size_t set_capacity(int fifo, std::optional<std::size_t> wanted, const std::string& path) {
  if (wanted) {
    const auto set = sys::set_pipe_size(fifo, *wanted, "how much may wait in the pipe");
    if (set.error == EPERM)
      throw Error(Trouble::limit, EPERM,
                  "listen " + path + ": a pipe of " + std::to_string(*wanted) +
                      " bytes is beyond /proc/sys/fs/pipe-max-size or your share of "
                      "/proc/sys/fs/pipe-user-pages-soft");
    set.check(path);
  }
  return sys::get_pipe_size(fifo, "the kernel rounds up").check(path).count();
}

class FifoReceiver final : public Receiver {
 public:
  FifoReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        lease_(sys::resolve(address), terms_of(options), make_and_open(terms_of(options).mode)),
        inbox_(
            {.slots = lease_.slots(),
             .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
             .any_lives = [this] { return lease_.any_sender_lives(); },
             .max_message = terms_of(options).max_message,
             .channel_frames = (set_capacity(fifo_.get(), options.capacity, address) + kReadRoom) /
                               wire::kFrameHeader}),
        parser_(kReadRoom, kUnit - wire::kFrameHeader,
                [this](const wire::Frame& frame) { return inbox_.plausible(frame); }) {}

  ~FifoReceiver() override {
    if (ends_well()) inbox_.begin();  // the last message is consumed
  }

 private:
  Received do_receive(Deadline deadline) override {
    inbox_.begin();
    for (;;) {
      while (const auto frame = parser_.next())
        if (const auto got = inbox_.accept(*frame)) return readiness_.done(*got, false);
      if (const auto event = inbox_.overdue()) return readiness_.done(*event, false);
      if (fill()) continue;
      parser_.found_empty();
      if (inbox_.look()) continue;
      if (const auto event = inbox_.settle()) return readiness_.done(*event, false);
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      sys::wait_readable(fifo_.get(), std::min(deadline, inbox_.next_look()),
                         "the pipe is empty; look at the locks now and then");
    }
  }

  bool fill() {
    const auto result =
        sys::read(fifo_.get(), parser_.room(), "all that waits, of however many frames");
    if (result.error == EAGAIN) return false;
    parser_.filled(result.check(address()).count());
    return true;
  }

  int do_readiness_fd() override { return readiness_.fd(fifo_.get()); }
  std::uint64_t do_foreign_bytes() const override { return parser_.skipped(); }

  // Opened before the lease shows the name: a sender that comes at once must not find a FIFO that
  // nobody reads.
  std::function<void(const std::string&)> make_and_open(mode_t mode) {
    return [this, mode](const std::string& path) {
      make_fifo(mode)(path);
      fifo_ = open_fifo(path, O_RDWR,
                        "for writing too: so there is never an EOF, and no hang-up to spin on");
    };
  }

  sys::Fd fifo_;  // before the lease, whose constructor fills it
  sys::Lease lease_;
  framed::Inbox inbox_;
  wire::Parser parser_;
  framed::Readiness readiness_;
};

class FifoSender final : public Sender {
 public:
  explicit FifoSender(const std::string& address)
      : FifoSender(sys::Seat(sys::resolve(address), "fifo")) {}

  ~FifoSender() override {
    if (!ends_well()) return;
    seat_.leave();
    nudge("tell the receiver to look: we have left");
  }

 private:
  explicit FifoSender(sys::Seat seat)
      : Sender(seat.max_message()),
        seat_(std::move(seat)),
        fifo_(open_fifo(seat_.object_path(), O_WRONLY, "fails with ENXIO if nobody reads")) {
    sys::survive_sigpipe();
    nudge("tell the receiver to look: we have come");
    seat_.enter();
    outbox_.enter(seat_.id());
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (!seat_.receiver_lives()) return Status::closed;
    return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
      return put(header, payload, until);
    });
  }

  Status put(Bytes header, Bytes payload, Deadline deadline) {
    for (;;) {
      const std::array parts{sys::part(header), sys::part(payload)};
      const auto result =
          sys::writev(fifo_.get(), parts, "a whole frame of at most PIPE_BUF: cannot be torn");
      if (result.ok()) return Status::ok;
      if (result.error == EPIPE) return Status::closed;
      if (result.error != EAGAIN) result.check(seat_.object_path());
      if (!seat_.receiver_lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      sys::wait_writable(fifo_.get(), std::min(deadline, Deadline::after(sys::Seat::kLook)),
                         "full: until a page is free, or the reader is gone");
    }
  }

  // If the pipe is full the receiver has reason enough to wake, and finds us at the locks.
  void nudge(const char* why) { (void)sys::write(fifo_.get(), framed::Outbox::nudge(), why); }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(outbox_.sent(), want, deadline);
  }

  sys::Seat seat_;
  sys::Fd fifo_;
  framed::Outbox outbox_{kUnit};
};

std::unique_ptr<Receiver> listen_bare(const std::string& address, const Options& options) {
  // The name is ours by a lease here too, so that a second receiver is refused.
  class BareFifoReceiver final : public bare::LineReceiver {
   public:
    BareFifoReceiver(std::unique_ptr<sys::Lease> lease, const std::string& name,
                     std::size_t longest)
        : LineReceiver(name, open_bare(lease->object_path()), longest,
                       [path = lease->object_path()] { return open_bare(path); }),
          lease_(std::move(lease)) {}

   private:
    static sys::Fd open_bare(const std::string& path) {
      return open_fifo(path, O_RDONLY, "for reading only: so the EOF is told");
    }
    std::unique_ptr<sys::Lease> lease_;
  };
  const auto terms = terms_of(options);
  return std::make_unique<BareFifoReceiver>(
      std::make_unique<sys::Lease>(sys::resolve(address), terms, make_fifo(terms.mode)), address,
      terms.max_message);
}

std::unique_ptr<Sender> connect_bare(const std::string& address) {
  const auto path = sys::resolve(address);
  sys::check_speaks_bare(path);
  auto fifo = open_fifo(path.full(), O_WRONLY, "fails with ENXIO if nobody reads");
  struct stat about {};
  (void)sys::fstat(fifo.get(), about, "is it a FIFO?").check(path.full());
  if (!S_ISFIFO(about.st_mode))
    throw Error(Trouble::invalid, EPROTOTYPE, "connect " + path.full() + ": is no FIFO");
  return std::make_unique<bare::LineSender>(path.full(), std::move(fifo));
}

constexpr std::array<std::string_view, 5> known_options{"mode", "max_message", "max_senders",
                                                        "capacity", "bare"};

const Kind::Implementation implementation{
    .listen = [](const std::string& address, const Options& options) -> std::unique_ptr<Receiver> {
      if (options.bare) return listen_bare(address, options);
      return std::make_unique<FifoReceiver>(address, options);
    },
    .connect = [](const std::string& address, const Options& options) -> std::unique_ptr<Sender> {
      if (options.bare) return connect_bare(address);
      return std::make_unique<FifoSender>(address);
    },
    .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
};

}  // namespace

const Kind kinds::fifo{
    .name = "fifo",
    .summary = "named pipe: a file name, 4-KiB frames through 64 KiB of kernel memory",
    .traits = {.bare = true},
    .options = known_options,
    .implementation = implementation,
};

}  // namespace ipc

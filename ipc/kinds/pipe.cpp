// Pipes: the oldest channel, between relatives.
//
//   name        none. Its ends are inherited, or opened as /proc/PID/fd/N by processes of the same
//               user; that is what address() is
//   boundaries  none, but a write of at most PIPE_BUF (4096) bytes goes in whole: the frame
//   full        65,536 bytes (F_SETPIPE_SZ)
//   end         EOF when no write end is open anywhere, EPIPE when no read end is; but an end that a
//               shell or a forked child still holds open keeps the end from being told. So here the
//               locks of each side lie on the pipe itself, and hello and goodbye are frames
//   stale name  none can be left
//   cost        as a FIFO: two copies, one system call each
//   poll        yes, the descriptors themselves
//
//     pipe-send | pipe-recv            bash made the pipe, and both inherited an end
//
//     sender A  --hello--frame--frame--goodbye-->  [ 16 pages in the kernel ]  -->  receiver
//               locks byte 1+slot of the pipe's inode     it locks byte 0
//
// What surprises:
//
// *An inherited descriptor is a shared one.* Whoever inherits it shares its file position, its
// O_NONBLOCK and its locks: to make it non-blocking would do so for the shell as well, and a lock
// would be everybody's. /proc/self/fd/N opens the same pipe anew, with all of that our own. Where
// that is refused (EACCES, after `| sudo -u`), the original must do.
//
// *A pipe's inode takes locks* like any file's, although it is in no file system: so the death of a
// writer is seen even while another process holds a write end open.
//
// *Pipes carry no page to write to*, so there is no taken(), and a sender has to say in frames what
// it would else write into its slot: hello with its pid, and goodbye, for which it waits 100 ms at
// most if the pipe is full. A lost goodbye is told as a death: late, but never a hang.
//
// *EOF is for good.* A name lets somebody come who is not there yet; an inherited pipe whose write
// ends are all closed has only its past. read(2) would go on saying 0, and poll(2) POLLHUP, for ever,
// and whoever polls would turn in circles. So it is told once, as a `closed` that is `for_good`, of
// its own if the last sender left while somebody else still held the pipe open; then the read end
// goes. A receive that waits has its deadline pass; one without a deadline throws EPIPE, because it
// could wait for nothing but a kill.
//
// Bare (Options::bare) is the pipe as every filter knows it: lines, EOF.
//
// See pipe(7), proc(5) on /proc/PID/fd, fcntl(2) on open file description locks.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <random>

#include "ipc/bare/lines.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/framed/roster.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/lease_page.hpp"
#include "ipc/sys/lock.hpp"
#include "ipc/sys/sigpipe.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/wire/frame.hpp"

namespace ipc {
namespace {

using framed::kGoodbye;
using framed::kHello;
using framed::Roster;
using sys::kFirstSenderByte;
using sys::kReceiverByte;
using sys::kTakeOverByte;

constexpr std::size_t kReadRoom = std::size_t{256} << 10;
constexpr std::size_t kUnit = PIPE_BUF;
constexpr auto kGoodbyePatience = std::chrono::milliseconds(100);
constexpr auto kNewcomerPatience = std::chrono::seconds(2);

void check_is_pipe(int fd, const std::string& object) {
  struct stat about {};
  (void)sys::fstat(fd, about, "is it a pipe?").check(object);
  if (!S_ISFIFO(about.st_mode)) throw Error(Trouble::invalid, EPROTOTYPE, object + ": is no pipe");
}

std::string fd_path(const std::string& process, int fd) {
  return "/proc/" + process + "/fd/" + std::to_string(fd);
}

// An open file of our own for an inherited end.
sys::Fd reopen(int inherited, int flags, const char* why) {
  const auto object = "descriptor " + std::to_string(inherited);
  check_is_pipe(inherited, object);
  const auto opened = sys::open(fd_path("self", inherited), flags | O_NONBLOCK | O_CLOEXEC, 0, why);
  if (opened.error == ENXIO)
    throw Error(Trouble::no_receiver, ENXIO, object + ": nobody reads this pipe");
  if (opened.error == EACCES || opened.error == ENOENT) {  // another user's pipe, or no /proc
    sys::Fd copy(::fcntl(inherited, F_DUPFD_CLOEXEC, 3));
    if (!copy.is_open() || ::fcntl(copy.get(), F_SETFL, O_NONBLOCK) != 0)
      throw Error("fcntl", object, errno);
    return copy;
  }
  opened.check(object);
  sys::Fd own(opened.fd());
  // The standard descriptors stay open, so that their numbers are not given to something else.
  if (inherited > 2) sys::Fd(inherited).reset();
  return own;
}

struct ReadEnd {
  sys::Fd pipe;
  sys::Fd kept_write_end;  ///< Of a pipe of our own: what its address leads to.
  std::string address;
};

ReadEnd take_read_end(const Options& options) {
  ReadEnd end;
  if (options.fd) {
    end.pipe = reopen(*options.fd, O_RDONLY, "an open file of our own, non-blocking for us alone");
    end.address = fd_path("self", *options.fd);
  } else {
    int ends[2] = {-1, -1};
    (void)sys::pipe2(ends, O_CLOEXEC | O_NONBLOCK, "a pipe of our own").check("");
    end.pipe = sys::Fd(ends[0]);
    end.kept_write_end = sys::Fd(ends[1]);
    end.address = fd_path(std::to_string(::getpid()), ends[1]);
  }
  if (options.capacity)
    (void)sys::set_pipe_size(end.pipe.get(), *options.capacity, "how much may wait in the pipe")
        .check(end.address + " (limits: /proc/sys/fs/pipe-max-size, pipe-user-pages-soft)");
  return end;
}

// A read lock, because an end that is open for reading only takes no other. But two read locks go
// together, and two who come at once would both find none; so they come one after the other, by a
// write lock on another byte, for which the pipe is opened for writing for a moment. Who may not do
// that (another user's pipe) does without.
bool take_reception(int pipe) {
  const auto opened = sys::open(fd_path("self", pipe), O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0,
                                "only what is open for writing takes a write lock");
  const sys::Fd gate(opened.ok() ? opened.fd() : -1);
  const auto is_ours = [&] {
    return sys::try_lock(gate.get(), kTakeOverByte, "one newcomer at a time");
  };
  if (gate.is_open() && !sys::try_until(Deadline::after(kNewcomerPatience), is_ours)) return false;
  return !sys::is_locked(pipe, kReceiverByte, "does another receive from this pipe?") &&
         sys::try_read_lock(pipe, kReceiverByte, "from now on this process receives");
}

class PipeReceiver final : public Receiver {
 public:
  explicit PipeReceiver(ReadEnd end)
      : Receiver(end.address),
        end_(std::move(end)),
        roster_(end_.pipe.get()),
        inbox_(roster_.terms(
            (sys::get_pipe_size(end_.pipe.get(), "what it can hold").check("").count() +
             kReadRoom) /
            wire::kFrameHeader)),
        parser_(kReadRoom, kUnit - wire::kFrameHeader,
                [this](const wire::Frame& frame) { return roster_.plausible(frame); }) {
    if (!take_reception(end_.pipe.get()))
      throw Error(Trouble::in_use, EADDRINUSE,
                  "listen " + address() + ": another process receives from this pipe");
  }

 private:
  Received do_receive(Deadline deadline) override {
    if (!end_.pipe.is_open()) return wait_in_vain(deadline);
    inbox_.begin();
    for (;;) {
      while (auto frame = parser_.next()) {
        if (roster_.take(*frame)) {
          inbox_.look_soon();
          continue;
        }
        if (const auto got = inbox_.accept(*frame)) return readiness_.done(*got, false);
      }
      if (const auto event = inbox_.overdue()) return readiness_.done(*event, false);
      const auto filled = fill();
      if (filled == Filled::some) continue;
      parser_.found_empty();
      const bool ended = filled == Filled::end;
      if (ended) inbox_.look_soon();  // no write end is open: everybody has left
      if (inbox_.look()) continue;
      const auto event = inbox_.settle();
      if (ended && (!event || event->status == Status::closed)) return end();
      if (event) return readiness_.done(*event, false);
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      sys::wait_readable(end_.pipe.get(), std::min(deadline, inbox_.next_look()),
                         "the pipe is empty; look at the locks now and then");
    }
  }

  enum class Filled { some, nothing, end };
  Filled fill() {
    const auto result = sys::read(end_.pipe.get(), parser_.room(), "all that waits");
    if (result.error == EAGAIN) return Filled::nothing;
    parser_.filled(result.check(address()).count());
    return result.value > 0 ? Filled::some : Filled::end;
  }

  // Removed from epoll(7) first: closing would not do it if it is a copy of an inherited descriptor.
  Received end() {
    readiness_.forget(end_.pipe.get());
    end_.pipe.reset();
    return readiness_.done({.status = Status::closed, .for_good = true}, true);
  }

  Received wait_in_vain(Deadline deadline) {
    if (deadline.is_never())
      throw Error(Trouble::invalid, EPIPE,
                  "receive " + address() +
                      ": all write ends of this pipe are closed, and nobody can come any more");
    sys::wait_until(deadline, "nobody can come any more");
    return readiness_.done({}, true);
  }

  int do_readiness_fd() override { return readiness_.fd(end_.pipe.get()); }
  std::uint64_t do_foreign_bytes() const override { return parser_.skipped(); }

  ReadEnd end_;
  Roster roster_;
  framed::Inbox inbox_;
  wire::Parser parser_;
  framed::Readiness readiness_;
};

class PipeSender final : public Sender {
 public:
  PipeSender(sys::Fd pipe, std::string object)
      : Sender(kMaxMessage), pipe_(std::move(pipe)), object_(std::move(object)) {
    sys::survive_sigpipe();
    std::uint32_t slot = 0;
    while (slot < Roster::kSlots &&
           !sys::try_lock(pipe_.get(), kFirstSenderByte + slot, "the first free byte is ours"))
      ++slot;
    if (slot == Roster::kSlots)
      throw Error(Trouble::limit, EUSERS,
                  "connect " + object_ + ": all " + std::to_string(Roster::kSlots) +
                      " places for senders are taken");
    // Random, since there is no page on which to count up: it differs from our predecessor's but
    // for one case in 67 million. Never 0, so that no frame has a number below Roster::kSlots.
    std::random_device random;
    id_ =
        (std::uniform_int_distribution<std::uint32_t>(1, (1u << 26) - 1)(random)) * Roster::kSlots +
        slot;
    outbox_.enter(id_);
    (void)greet(Deadline::at_once());  // if there is no room now, before the first message
  }

  ~PipeSender() override {
    if (!ends_well()) return;
    const auto patience = Deadline::after(kGoodbyePatience);
    try {
      if (greet(patience) != Status::ok) return;
      if (put(wire::encode({.sender = id_, .flags = kGoodbye}), {}, patience) != Status::ok) return;
      // Whoever has read the goodbye may find the lock still there, and would look again only after
      // 250 ms; hence a nudge when it has gone.
      sys::unlock(pipe_.get(), kFirstSenderByte + id_ % Roster::kSlots, "the place is free");
      (void)put(framed::Outbox::nudge(), {}, Deadline::at_once());
    } catch (const Error&) {
      // Nobody is left to be told; without the goodbye the receiver is told of a death.
    }
  }

 private:
  Status greet(Deadline deadline) {
    if (greeted_) return Status::ok;
    const pid_t pid = ::getpid();
    const auto payload = std::as_bytes(std::span(&pid, 1));
    const auto status =
        put(wire::encode({.sender = id_, .total = sizeof pid, .flags = kHello, .payload = payload}),
            payload, deadline);
    greeted_ = status == Status::ok;
    return status;
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (const auto status = greet(deadline); status != Status::ok) return status;
    return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
      return put(header, payload, until);
    });
  }

  Status put(Bytes header, Bytes payload, Deadline deadline) {
    for (;;) {
      if (!receiver_lives()) return Status::closed;
      const std::array parts{sys::part(header), sys::part(payload)};
      const auto result =
          sys::writev(pipe_.get(), parts, "a whole frame of at most PIPE_BUF: cannot be torn");
      if (result.ok()) return Status::ok;
      if (result.error == EPIPE) return Status::closed;
      if (result.error != EAGAIN) result.check(object_);
      if (deadline.expired()) return Status::timed_out;
      sys::wait_writable(pipe_.get(), std::min(deadline, Deadline::after(kLook)),
                         "full: until a page is free, or the reader is gone");
    }
  }

  // In `pipe-send | pipe-recv` the sender may be first, and there is no lock yet; but once there was
  // one, its end is the receiver's, whoever else still holds a read end.
  bool receiver_lives() {
    const auto now = sys::coarse_now();
    if (now - last_look_ < kLook) return !gone_;
    last_look_ = now;
    const bool locked = sys::is_locked(pipe_.get(), kReceiverByte, "does the receiver live?");
    if (met_ && !locked) gone_ = true;
    met_ = met_ || locked;
    return !gone_;
  }

  static constexpr auto kLook = std::chrono::milliseconds(250);
  sys::Fd pipe_;
  std::string object_;
  framed::Outbox outbox_{kUnit};
  std::uint32_t id_ = 0;
  bool greeted_ = false;
  bool met_ = false;   ///< The receiver's lock has been seen.
  bool gone_ = false;  ///< ... and then not any more.
  std::chrono::nanoseconds last_look_{};
};

sys::Fd open_write_end(const std::string& address, const Options& options) {
  if (options.fd)
    return reopen(*options.fd, O_WRONLY, "an open file of our own, non-blocking for us alone");
  const auto opened = sys::open(address, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0,
                                "another process's pipe, by its descriptor");
  // ESRCH: the process ended between the lookup of its number and that of its descriptor, proc(5).
  if (opened.error == ENOENT || opened.error == ENXIO || opened.error == ESRCH)
    throw Error(Trouble::no_receiver, opened.error, "connect " + address + ": no receiver");
  opened.check(address);
  sys::Fd pipe(opened.fd());
  check_is_pipe(pipe.get(), "connect " + address);
  // Pids are reused: what is open there now might be anybody's pipe. A receiver of ours has its lock.
  if (!options.bare && !sys::is_locked(pipe.get(), kReceiverByte, "is it a receiver of ours?"))
    throw Error(Trouble::no_receiver, ENXIO, "connect " + address + ": no receiver");
  return pipe;
}

constexpr std::array<std::string_view, 3> known_options{"fd", "capacity", "bare"};

}  // namespace

const Kind kinds::pipe{
    .name = "pipe",
    .summary = "unnamed pipe: inherited ends, 4-KiB frames through 64 KiB of kernel memory",
    .traits = {.named = false, .acknowledges = false, .bare = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (!address.empty())
            throw Error(Trouble::invalid, EINVAL,
                        "listen " + address +
                            ": a pipe has no name; give an inherited descriptor, or nothing");
          auto end = take_read_end(options);
          if (!options.bare) return std::make_unique<PipeReceiver>(std::move(end));
          // The kept write end would keep the EOF away; a bare pipe of our own has no use.
          return std::make_unique<bare::LineReceiver>(end.address, std::move(end.pipe),
                                                      kMaxMessage);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          auto pipe = open_write_end(address, options);
          const auto object = options.fd ? fd_path("self", *options.fd) : address;
          if (options.bare) return std::make_unique<bare::LineSender>(object, std::move(pipe));
          return std::make_unique<PipeSender>(std::move(pipe), object);
        },
        .remove = [](const std::string&) {},  // a pipe leaves nothing
    },
};

}  // namespace ipc

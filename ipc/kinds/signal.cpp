// Signals: the telegraph of Unix. A number, and since POSIX.1b a word with it.
//
//   name        a pid. Everybody may guess one, so the lease tells which process expects signals,
//               which number, and in which form
//   boundaries  one sigqueue(3) is one sigwaitinfo(2), in order if all are of one number
//   full        the kernel counts queued signals of a user over all processes (RLIMIT_SIGPENDING).
//               Nobody may use that up, so that at most an eighth and 1024 are under way here
//   end         nobody is told of anybody's; the locks of the lease tell it
//   stale name  what is queued goes with the process; a pid may come again as another process, which
//               would be killed by our signals: a pidfd refers to the one we have looked at
//   cost        one system call each; 24 bytes a signal, so that a mebibyte is 43,700 of them
//   poll        yes, through signalfd(2)
//
//     sender A  --pidfd_send_signal(40, 24 bytes)--+
//                                                  +-->  kernel: queue of signal 40  --> sigtimedwait
//     sender B  --pidfd_send_signal(40, 24 bytes)--+       [A1][B1][A2][A3] ...           one by one
//        ^
//        +---- the lease's page: how many of mine are taken; futex if I wait <----------------+
//
// What surprises:
//
// *Ordinary signals are no messages.* A pending SIGUSR1 is one bit: 1000 times kill(2) may be
// received once. The real-time signals, SIGRTMIN to SIGRTMAX, queue: 1000 are 1000. But two numbers
// do not keep their order, the lower is delivered first. Hence one number per receiver.
//
// *A signal carries more than it is said to.* sigqueue(3) promises 8 bytes. Linux copies the whole
// kernel_siginfo, so that with pidfd_send_signal(2) and a negative si_code 24 bytes and si_errno
// arrive (36 if pid and uid are forged as well; user name spaces rewrite those). signalfd(2) shows 8
// of them only: it is polled, and rt_sigtimedwait(2) takes. The receiver tries it on itself when it
// begins to listen; where it does not hold, 8 bytes must do (wire/signal_frame.hpp).
//
// *si_pid is what the sender says,* if it was not kill(2) who set it. So nothing is proven.
//
// *A real-time signal that nobody expects kills.* All threads of the receiver must block it before
// it is promised to anybody; the receiver looks, and refuses. When it ends it lets the signal be
// ignored, so that one on its way harms nobody.
//
// *The queue is the user's, not the receiver's.* A full one would take sigqueue(3), timers and
// asynchronous I/O away from all of his programs. So the receiver publishes how many may be under
// way, and the senders divide it among themselves.
//
// Bare (Options::bare) is the signal as kill(1) knows it: ADDRESS is the pid, a message is one
// signal, empty or a number for sigqueue(3).
//
// See signal(7), sigqueue(3), pidfd_send_signal(2), signalfd(2).
#include "ipc/sys/signal.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ipc/bare/signals.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/futex.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/signal_number.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/wire/signal_frame.hpp"

namespace ipc {
namespace {

// SI_ASYNCNL in the kernel's list, which it never uses itself: so ours are told from sigqueue(3)'s.
constexpr int kCode = -60;
constexpr std::size_t kMostUnderWay = 1024;
constexpr std::size_t kShareOfUser = 8;
constexpr std::int32_t kMostNudges = 64;
constexpr std::uint32_t kReckoning =
    256;  // signals between two looks at how many senders there are
constexpr auto kQuotaPatience = std::chrono::seconds(2);
constexpr auto kNap = std::chrono::milliseconds(1);
constexpr auto kMoment = std::chrono::milliseconds(10);

// What the receiver tells its senders, before any of them can see it.
struct Announcement {
  std::uint32_t number = 0;
  std::uint32_t wide = 0;
  std::uint32_t salt = 0;
  std::uint32_t under_way = 0;  ///< How many signals at most, of all senders.
};

// On the page of the lease.
struct Board {
  Announcement said;
  std::atomic<std::uint32_t> dead;   ///< Slots that say live, but whose owners are dead.
  std::atomic<std::int32_t> nudges;  ///< Sent; not counted in anybody's share.
  std::atomic<std::int32_t> nudges_taken;
};
static_assert(sizeof(Board) <= sys::kKindRoom);

bool is_live(const sys::Slot& slot) {
  return sys::Tenure::unpacked(slot.tenure.load(std::memory_order_relaxed)).place ==
         sys::Place::live;
}

sys::QueuedSignal signal_of(const wire::SignalFrame& frame, const wire::SignalForm& form,
                            int number) {
  sys::QueuedSignal signal{number, 0, SI_QUEUE, ::getpid(), ::getuid(), {}};
  if (form.wide) {
    signal.code = kCode;
    signal.error = static_cast<int>(frame.header);
    signal.bytes = frame.bytes;
  } else {
    const std::uint64_t front = frame.header;  // 24 bits, and the 5 bytes above them
    std::memcpy(signal.bytes.data(), &front, 3);
    std::memcpy(signal.bytes.data() + 3, frame.bytes.data(), wire::kNarrowBytes);
  }
  return signal;
}

std::optional<wire::SignalFrame> frame_of(const sys::QueuedSignal& signal,
                                          const wire::SignalForm& form) {
  wire::SignalFrame frame;
  if (form.wide) {
    if (signal.code != kCode) return std::nullopt;
    frame.header = static_cast<std::uint32_t>(signal.error);
    frame.bytes = signal.bytes;
  } else {
    if (signal.code != SI_QUEUE) return std::nullopt;
    std::memcpy(&frame.header, signal.bytes.data(), 3);
    std::memcpy(frame.bytes.data(), signal.bytes.data() + 3, wire::kNarrowBytes);
  }
  return frame;
}

// Whether all that we want to use of a signal arrives as it was sent.
bool kernel_carries_all(const sys::SignalNumber& number) {
  const sys::Fd self(sys::open_pidfd(::getpid(), "to try on ourselves").check("").fd());
  sys::QueuedSignal sent{number.get(), 0x5aa5c33c, kCode, ::getpid(), ::getuid(), {}};
  for (std::size_t i = 0; i < sent.bytes.size(); ++i) sent.bytes[i] = std::byte(0xff - 7 * i);
  if (!sys::queue_signal(self.get(), sent, "does this kernel carry 24 bytes?").ok()) return false;
  sys::QueuedSignal got;
  const auto deadline = Deadline::after(std::chrono::seconds(1));
  while (!deadline.expired()) {
    if (!sys::take_signal(number.set(), got, deadline, "did it?").ok()) continue;
    if (got.pid == sent.pid && got.code == kCode)
      return got.error == sent.error && got.bytes == sent.bytes;
  }
  return false;
}

Announcement announce(const sys::SignalNumber& number) {
  Announcement board;
  board.number = static_cast<std::uint32_t>(number.get());
  board.wide = kernel_carries_all(number) ? 1 : 0;
  if (::getrandom(&board.salt, sizeof board.salt, 0) != sizeof board.salt)
    throw Error("getrandom", "", errno);
  board.under_way = static_cast<std::uint32_t>(
      std::clamp<std::size_t>(sys::pending_limit() / kShareOfUser, 1, kMostUnderWay));
  return board;
}

sys::Lease::Terms terms_of(const Options& options, const Announcement& said) {
  return {.kind = "signal",
          .home = sys::Home::none,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .kind_room = std::as_bytes(std::span(&said, 1))};
}

wire::SignalForm form_of(const Board& board, std::uint32_t slots) {
  return {board.said.wide != 0, board.said.salt, slots};
}

class SignalReceiver final : public Receiver {
 public:
  SignalReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        number_(options.signal),
        lease_(sys::resolve(address), terms_of(options, announce(number_)),
               [](const std::string&) {}),
        board_(*static_cast<Board*>(lease_.kind_room())),
        form_(form_of(board_, static_cast<std::uint32_t>(lease_.slots().size()))),
        readers_(lease_.slots().size()),
        frames_(lease_.slots().size()),
        inbox_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .any_lives = [this] { return lease_.any_sender_lives(); },
                .max_message = options.max_message.value_or(kMaxMessage),
                .channel_frames = sys::pending_limit()}) {}

  ~SignalReceiver() override {
    if (ends_well()) inbox_.begin();  // the last message is consumed
  }

 private:
  Received do_receive(Deadline deadline) override {
    inbox_.begin();
    bool waited = false;
    for (;;) {
      if (const auto event = inbox_.overdue()) return done(*event);
      // Blocking is all in this one call: it waits for a signal and takes it.
      const auto until = waited ? std::min(deadline, inbox_.next_look()) : Deadline::at_once();
      waited = false;
      const auto taken = sys::take_signal(number_.set(), signal_, until,
                                          "the next signal; look at the locks now and then");
      if (taken.ok()) {
        if (const auto got = accept()) return done(*got);
        continue;
      }
      if (taken.error == EINTR) continue;
      if (taken.error != EAGAIN) taken.check(address());
      if (inbox_.look()) continue;
      if (const auto event = inbox_.settle()) return done(*event);
      board_.nudges_taken.store(board_.nudges.load());
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      waited = true;
    }
  }

  std::optional<Received> accept() {
    const auto frame = frame_of(signal_, form_);
    if (!frame) return skip();
    frame_ = *frame;  // a message of one signal is shown where it is
    const auto slot = wire::SignalReader::slot_of(form_, frame_);
    if (!slot) return skip();
    if (wire::SignalReader::is_nudge(form_, frame_)) {
      board_.nudges_taken.fetch_add(1, std::memory_order_relaxed);
      return inbox_.accept({.flags = wire::kNudge});
    }
    wire::SignalReader& reader = readers_[*slot];
    if (const auto id = wire::SignalReader::hello_of(form_, frame_)) {
      const auto claimed = lease_.slots()[*slot].pid.load(std::memory_order_relaxed);
      const auto generation = *id / form_.slots;
      const auto tenure =
          sys::Tenure::unpacked(lease_.slots()[*slot].tenure.load(std::memory_order_acquire));
      // Of the slot's present owner we know the pid; of those before him no more.
      const bool stranger =
          generation == tenure.generation && claimed != 0 && claimed != signal_.pid;
      if (stranger || !inbox_.plausible({.sender = *id})) return skip();
      reader.enter(*id, signal_.pid);
      frames_[*slot] = 0;
      count(*slot);
      return std::nullopt;
    }
    if (!reader.is_of(signal_.pid)) return skip();
    const auto whole = reader.read(form_, frame_);
    if (!whole || !inbox_.plausible(*whole)) return skip();
    count(*slot);
    return inbox_.accept(*whole);
  }

  // Tells the sender that one more of its signals is taken.
  void count(std::uint32_t number) {
    sys::Slot& slot = lease_.slots()[number];
    const std::uint32_t taken = ++frames_[number];
    slot.frames.store(std::uint64_t{readers_[number].id() / form_.slots} << 32 | taken,
                      std::memory_order_release);
    // Sequentially consistent with the sender's store of `room_wanted` and its look at `frames`.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (slot.room_wanted.load(std::memory_order_relaxed) == 0) return;
    const auto at = slot.room_at.load(std::memory_order_relaxed);
    if (static_cast<std::int32_t>(taken - at) < 0) return;
    slot.room_wanted.store(0, std::memory_order_relaxed);
    slot.bell.fetch_add(1, std::memory_order_relaxed);
    sys::wake_futex(slot.bell,
                    "half of what it had under way is taken: a waiting sender may go on");
  }

  std::optional<Received> skip() {
    ++skipped_;
    return std::nullopt;
  }

  Received done(const Received& received) {
    if (received.status == Status::died) {
      // The dead count as senders until their slot is taken again, unless it is said.
      std::uint32_t dead = 0;
      for (std::uint32_t i = 0; i < form_.slots; ++i)
        dead += is_live(lease_.slots()[i]) && !lease_.sender_lives(i) ? 1u : 0u;
      board_.dead.store(dead, std::memory_order_relaxed);
    }
    return readiness_.done(received, false);
  }

  int do_readiness_fd() override {
    if (!signalfd_.is_open())
      signalfd_ = sys::make_signalfd(number_.set(), "readable while a signal waits");
    return readiness_.fd(signalfd_.get());
  }
  std::uint64_t do_foreign_bytes() const override { return skipped_; }

  sys::SignalNumber number_;
  sys::Lease lease_;
  Board& board_;
  wire::SignalForm form_;
  std::vector<wire::SignalReader> readers_;
  std::vector<std::uint32_t> frames_;  ///< Taken of each slot's owner, modulo 2^32.
  framed::Inbox inbox_;
  sys::QueuedSignal signal_;
  wire::SignalFrame frame_;
  sys::Fd signalfd_;
  framed::Readiness readiness_;
  std::uint64_t skipped_ = 0;
};

class SignalSender final : public Sender {
 public:
  explicit SignalSender(const std::string& address)
      : SignalSender(sys::Seat(sys::resolve(address), "signal")) {}

  ~SignalSender() override {
    if (!ends_well()) return;
    seat_.leave();
    nudge("tell the receiver to look: we have left");
  }

 private:
  explicit SignalSender(sys::Seat seat)
      : Sender(seat.max_message()),
        seat_(std::move(seat)),
        board_(*static_cast<Board*>(seat_.kind_room())),
        form_(form_of(board_, seat_.max_senders())),
        process_(seat_.open_receiver()),
        writer_(form_, 0) {
    nudge("tell the receiver to look: we have come");
    seat_.enter();  // the lease is looked at once more: the pidfd is of the process that holds it
    writer_ = wire::SignalWriter(form_, seat_.id());
  }

  sys::Result queue(const wire::SignalFrame& frame, const char* why) {
    return sys::queue_signal(process_.get(),
                             signal_of(frame, form_, static_cast<int>(board_.said.number)), why);
  }

  // With dozens of them waiting the receiver has reason enough to look.
  void nudge(const char* why) {
    if (board_.nudges.load() - board_.nudges_taken.load() >= kMostNudges) return;
    if (queue(wire::SignalWriter::nudge(form_), why).ok()) board_.nudges.fetch_add(1);
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (!seat_.receiver_lives()) return Status::closed;
    // Before anything else the receiver must know which connection the slot is now.
    if (!greeted_) {
      const Status status = put(writer_.hello(), deadline);
      if (status != Status::ok) return status;
      greeted_ = true;
    }
    writer_.begin(message);
    bool hurried = deadline.expired();
    while (!writer_.is_done()) {
      const Status status = put(writer_.next(), deadline);
      if (status != Status::ok) return status;
      writer_.advance();
      // A caller who does not wait still means the whole message: once the first signal is in, the
      // rest gets a moment.
      if (std::exchange(hurried, false)) deadline = Deadline::after(kMoment);
    }
    ++messages_;
    return Status::ok;
  }

  Status put(const wire::SignalFrame& frame, Deadline deadline) {
    std::optional<Deadline> patience;
    for (;;) {
      if (under_way() >= share_) reckon();
      if (under_way() < share_) {
        const auto sent = queue(frame, "one signal, with as much as it carries");
        if (sent.ok()) {
          if (++frames_ % kReckoning == 0) reckon();
          return Status::ok;
        }
        if (sent.error == ESRCH) return Status::closed;
        if (sent.error != EAGAIN) refuse(sent);
        // Others have used up the queue of the receiver's user.
        if (!patience) patience = Deadline::after(kQuotaPatience);
        if (under_way() == 0 && patience->expired()) refuse(sent);
      }
      if (!seat_.receiver_lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      wait(patience ? std::min(deadline, Deadline::after(kNap)) : deadline);
    }
  }

  std::uint32_t under_way() {
    const auto word = seat_.slot().frames.load(std::memory_order_acquire);
    const auto taken = word >> 32 == generation() ? static_cast<std::uint32_t>(word) : 0;
    return frames_ - taken;
  }
  std::uint32_t generation() const { return seat_.id() / form_.slots; }

  // What one of the live senders may have under way.
  void reckon() {
    std::uint32_t live = 0;
    for (const sys::Slot& slot : seat_.slots()) live += is_live(slot) ? 1u : 0u;
    live -= std::min(live, board_.dead.load(std::memory_order_relaxed));
    share_ = std::max<std::uint32_t>(board_.said.under_way / std::max<std::uint32_t>(live, 1), 1);
  }

  // Until half of what is under way has been taken: less would be a wake-up for every signal.
  void wait(Deadline deadline) {
    sys::Slot& slot = seat_.slot();
    const auto bell = slot.bell.load(std::memory_order_relaxed);
    const auto before = under_way();
    slot.room_at.store(frames_ - std::min(before, share_) / 2, std::memory_order_relaxed);
    slot.room_wanted.store(1, std::memory_order_relaxed);
    // Sequentially consistent with the receiver's count(): it sees that we want room, or we see
    // what it has taken.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (under_way() == before)
      sys::wait_futex(slot.bell, bell, std::min(deadline, Deadline::after(sys::Seat::kLook)),
                      "enough signals are under way: until the receiver has taken half of them");
    slot.room_wanted.store(0, std::memory_order_relaxed);
  }

  [[noreturn]] void refuse(const sys::Result& failed) const {
    const auto name = sys::signal_name(static_cast<int>(board_.said.number));
    if (failed.error == EPERM)
      throw Error(Trouble::failed, EPERM,
                  "pidfd_send_signal " + name +
                      ": signals go to processes of the same user only, "
                      "or from root");
    if (failed.error == EAGAIN)
      throw Error(Trouble::limit, EAGAIN,
                  "pidfd_send_signal " + name +
                      ": other programs of the receiver's user have used "
                      "up its queue of signals (RLIMIT_SIGPENDING, here " +
                      std::to_string(sys::pending_limit()) +
                      ", for all processes of the user): end them, or raise it with ulimit -i");
    failed.check(name);
    throw std::logic_error("a failure that is none");
  }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(messages_, want, deadline);
  }

  sys::Seat seat_;
  Board& board_;
  wire::SignalForm form_;
  sys::Fd process_;
  wire::SignalWriter writer_;
  bool greeted_ = false;
  std::uint32_t frames_ = 0;  ///< Sent, modulo 2^32.
  std::uint32_t share_ = 1;
  std::uint64_t messages_ = 0;
};

constexpr std::array<std::string_view, 5> known_options{"mode", "max_message", "max_senders",
                                                        "signal", "bare"};

}  // namespace

const Kind kinds::signal{
    .name = "signal",
    .summary = "real-time signals: 24 bytes each, queued by the kernel for a process",
    .traits = {.bare = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (options.bare) return std::make_unique<bare::SignalReceiver>(address, options.signal);
          return std::make_unique<SignalReceiver>(address, options);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          if (options.bare) return std::make_unique<bare::SignalSender>(address, options.signal);
          return std::make_unique<SignalSender>(address);
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc

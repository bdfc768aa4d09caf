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
#include <utility>

#include "ipc/bare/signals.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/signal_number.hpp"
#include "ipc/sys/signal_quota.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/wire/signal_frame.hpp"

namespace ipc {
namespace {

// SI_ASYNCNL in the kernel's list, which it never uses itself: so ours are told from sigqueue(3)'s.
constexpr int kCode = -60;
constexpr std::int32_t kMostNudges = 64;
constexpr auto kQuotaPatience = std::chrono::seconds(2);
constexpr auto kNap = std::chrono::milliseconds(1);
constexpr auto kMoment = std::chrono::milliseconds(10);

// On the page of the lease: what the receiver tells its senders before any of them can see it, and
// what they count together.
struct Board {
  std::uint32_t number = 0;
  std::uint32_t wide = 0;
  std::uint32_t salt = 0;
  sys::SignalQuota quota;
  std::atomic<std::int32_t> nudges = 0;  ///< Sent; not counted in anybody's share.
  std::atomic<std::int32_t> nudges_taken = 0;

  explicit Board(const sys::SignalNumber& signal)
      : number(static_cast<std::uint32_t>(signal.get())),
        wide(signal.carries_all(kCode) ? 1 : 0),
        quota{sys::signal_quota_here()} {
    if (::getrandom(&salt, sizeof salt, 0) != sizeof salt) throw Error("getrandom", "", errno);
  }
  wire::SignalForm form(std::uint32_t slots) const { return {wide != 0, salt, slots}; }
};
static_assert(sizeof(Board) <= sys::kKindRoom);

sys::QueuedSignal signal_of(const wire::SignalFrame& frame, const wire::SignalForm& form,
                            int number) {
  const auto cargo = wire::pack(form, frame);
  const int code = form.wide ? kCode : SI_QUEUE;
  return {number, static_cast<int>(cargo.word), code, ::getpid(), ::getuid(), cargo.bytes};
}

std::optional<wire::SignalFrame> frame_of(const sys::QueuedSignal& signal,
                                          const wire::SignalForm& form) {
  if (signal.code != (form.wide ? kCode : SI_QUEUE)) return std::nullopt;
  return wire::unpack(form, {static_cast<std::uint32_t>(signal.error), signal.bytes});
}

sys::Lease::Terms terms_of(const Options& options, const Board& board) {
  return {.kind = "signal",
          .home = sys::Home::none,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .kind_room = std::as_bytes(std::span(&board, 1))};
}

class SignalReceiver final : public Receiver {
 public:
  SignalReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        number_(options.signal),
        lease_(sys::resolve(address), terms_of(options, Board(number_)), [](const std::string&) {}),
        board_(*static_cast<Board*>(lease_.kind_room())),
        form_(board_.form(static_cast<std::uint32_t>(lease_.slots().size()))),
        readers_(lease_.slots().size()),
        tally_(lease_.slots(), board_.quota),
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
      tally_.enter(*slot, generation);
      tally_.count(*slot);
      count_dead();
      return std::nullopt;
    }
    if (!reader.is_of(signal_.pid)) return skip();
    const auto whole = reader.read(form_, frame_);
    if (!whole || !inbox_.plausible(*whole)) return skip();
    tally_.count(*slot);
    return inbox_.accept(*whole);
  }

  std::optional<Received> skip() {
    ++skipped_;
    return std::nullopt;
  }

  Received done(const Received& received) {
    if (received.status == Status::died) count_dead();
    return readiness_.done(received, false);
  }
  void count_dead() {
    tally_.count_dead([this](std::uint32_t slot) { return lease_.sender_lives(slot); });
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
  sys::SignalTally tally_;
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
        form_(board_.form(seat_.max_senders())),
        process_(seat_.open_receiver()),
        share_(seat_, board_.quota),
        writer_(form_, 0) {
    nudge("tell the receiver to look: we have come");
    seat_.enter();  // the lease is looked at once more: the pidfd is of the process that holds it
    writer_ = wire::SignalWriter(form_, seat_.id());
  }

  int number() const { return static_cast<int>(board_.number); }

  sys::Result queue(const wire::SignalFrame& frame, const char* why) {
    return sys::queue_signal(process_.get(), signal_of(frame, form_, number()), why);
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
      if (share_.has_room()) {
        const auto sent = queue(frame, "one signal, with as much as it carries");
        if (sent.ok()) {
          share_.count();
          return Status::ok;
        }
        if (sent.error == ESRCH) return Status::closed;
        if (sent.error != EAGAIN) sys::refuse_signal(sent, number());
        // Others have used up the queue of the receiver's user.
        if (!patience) patience = Deadline::after(kQuotaPatience);
        if (share_.is_idle() && patience->expired()) sys::refuse_signal(sent, number());
      }
      if (!seat_.receiver_lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      if (patience)
        share_.nap(std::min(deadline, Deadline::after(kNap)));
      else
        share_.wait(deadline);
    }
  }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(messages_, want, deadline);
  }

  sys::Seat seat_;
  Board& board_;
  wire::SignalForm form_;
  sys::Fd process_;
  sys::SignalShare share_;
  wire::SignalWriter writer_;
  bool greeted_ = false;
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

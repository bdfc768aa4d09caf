// System V message queues: the oldest mailbox of Unix, and the one that no event loop can wait for.
//
//   name        a number, the key; ipcs -q lists all queues, ipcrm -Q takes one away. ftok(3) makes
//               keys out of file names, 16 bits of inode number and 8 of device, and they collide:
//               here the key is random and stands in the lease before the queue is made
//   boundaries  kept by the kernel: one msgsnd(2) is one msgrcv(2)
//   full        the sender waits once msg_qbytes (kernel.msgmnb: 16,384) wait in the queue: four of
//               our frames, two messages of the greatest length (kernel.msgmax: 8192)
//   end         nobody is told of anybody's; only who sleeps in the queue learns that it was
//               removed (EIDRM). The locks of the lease tell it
//   stale name  the queue outlives all processes; the lease says which one was a dead receiver's
//   cost        two copies, one system call each; if the receiver sleeps, one more for the bell
//   poll        no: a queue is no descriptor, and msgrcv(2) knows no deadline
//
//     sender A  --msgsnd(NOWAIT)--+                           +--msgrcv(NOWAIT)-->  frame
//        |                        +-->  kernel: <= 16 KiB  ---+                       |
//     sender B  --msgsnd(NOWAIT)--+     [A1][B1][A2]                                  |
//        |                                                                            |
//        +-- only if the receiver sleeps: write(1) --> [FIFO .TOKEN.bell] --> poll(2) |
//        <-- only if a sender waits for room: futex <---------------------------------+
//
// What surprises:
//
// *It cannot be polled,* and that is the lesson of this mechanism: an object that is not a
// descriptor is outside of everything that poll(2) can wait for. A blocking msgrcv(2) is no way out.
// It ends by a message, by a signal handler (alarm(2), which is lost if it comes before the call) or
// by IPC_RMID, but not by a deadline, and it cannot wait for a message and for the locks of the
// lease. So everything is IPC_NOWAIT here, and two bells tell what the kernel knows but tells
// nobody: a FIFO, rung only while the receiver sleeps (39 us a round trip through the event loop,
// against 48 us with a thread that pumps the queue into a pipe, measured), and in the other
// direction a futex on the lease, rung only while a sender waits for room.
//
// *Whose bell is cut off?* A sender killed between msgsnd(2) and its ring leaves a message behind
// that nobody was told of. The receiver looks at the locks four times a second while anybody is
// connected, and finds it then.
//
// *Shorter is faster.* Two messages of the greatest length fill a queue, so with those the sides take
// turns instead of working together: 64 KiB in frames of 8192 bytes went at 0.6 times the speed of
// bare messages of 8192 bytes, with 3.7 context switches each. Four frames of 4048 bytes fit, each one
// page of the kernel's with its own 48 bytes before it, and a waiting sender is told of room once
// half of the queue is free: 1.7 to 2.1 times the bare speed (measured with tests/bench).
//
// *16,384 bytes are all.* Root without CAP_SYS_RESOURCE may not raise them either (EPERM).
//
// *Types.* msgrcv(2) can pick messages by the number that each begins with. The library leaves that
// to bare programs and gives all of its frames the type 1.
//
// Bare (Options::bare) is the queue with that key, as `ipcmk -Q` and every old program know it:
// ADDRESS is the key, 0x4711 for example (bare/sysv_queue.hpp).
//
// See sysvipc(7), msgop(2), msgctl(2).
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "ipc/bare/sysv_queue.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/framed/room.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/bell.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/sysv.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc {
namespace {

using bare::Basket;
using bare::find_queue;
using bare::Letter;
using bare::longest_message;
using bare::make_queue;

constexpr const char* kRing = "the receiver said it sleeps";
// What fits into one page of the kernel beside its own 48 bytes. Below kernel.msgmax (8192): four of
// these fill a queue, and sender and receiver then work at the same time more than they wait.
constexpr std::size_t kUnit = 4048;

// What receiver and senders share on the page of the lease.
struct Bells {
  framed::Sleeper receiver;
  framed::Room room;
};
static_assert(sizeof(Bells) <= sys::kKindRoom);

sys::Lease::Terms terms_of(const Options& options) {
  return {.kind = "sysv-mq",
          .home = sys::Home::sysv_queue,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders))};
}

auto make_in(int& queue, const Options& options) {
  return [&queue, &options](const std::string& key) {
    queue = make_queue(key, options);
    if (queue < 0) throw Error("msgget", key, EEXIST);  // it was free a moment ago
  };
}

class SysvReceiver final : public Receiver {
 public:
  SysvReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        lease_(sys::resolve(address), terms_of(options), make_in(queue_, options)),
        bells_(*static_cast<Bells*>(lease_.kind_room())),
        bell_(lease_.bell_path(), terms_of(options).mode),
        capacity_(options.capacity.value_or(sys::message_queue_limits().queue)),
        inbox_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .any_lives = [this] { return lease_.any_sender_lives(); },
                .max_message = terms_of(options).max_message,
                .channel_frames = capacity_ / wire::kFrameHeader}) {}

  ~SysvReceiver() override {
    if (ends_well()) inbox_.begin();  // the last message is consumed
  }

 private:
  Received do_receive(Deadline deadline) override {
    inbox_.begin();
    wake();
    for (;;) {
      if (const auto event = inbox_.overdue()) return done(*event, false);
      if (const auto message = basket_.take(queue_)) {
        made_room(message->size());
        const auto frame = wire::decode(*message);
        if (!frame || !inbox_.plausible(*frame))
          skipped_ += std::max<std::size_t>(message->size(), 1);
        else if (const auto got = inbox_.accept(*frame))
          return done(*got, false);
        continue;
      }
      tell_of_room();
      if (inbox_.look()) continue;
      if (const auto event = inbox_.settle()) return done(*event, false);
      if (!asleep_) {
        // First said, then looked once more: who sends after that look rings.
        bells_.receiver.sleeps();
        asleep_ = true;
        continue;
      }
      // It stays said for the event loop, which will poll the bell.
      if (deadline.expired()) return done({}, inbox_.is_quiet());
      if (sys::wait_readable(bell_.fd(), std::min(deadline, inbox_.next_look()),
                             "until the bell rings; look at the locks now and then"))
        bell_.silence();
      wake();
    }
  }

  // To wake a sender for each frame of a long message would cost more than to carry it. But whatever
  // room there is has been told of before a receive returns or waits.
  void made_room(std::size_t bytes) {
    untold_ += bytes;
    if (untold_ >= capacity_ / 2) tell_of_room();
  }
  void tell_of_room() {
    if (std::exchange(untold_, 0) > 0) bells_.room.tell("a sender waits for room");
  }
  Received done(Received received, bool quiet) {
    tell_of_room();
    return readiness_.done(received, quiet);
  }

  void wake() {
    if (!asleep_) return;
    asleep_ = false;
    bells_.receiver.is_awake();
    if (polled_) bell_.silence();
  }

  int do_readiness_fd() override {
    polled_ = true;
    bells_.receiver.sleeps();
    asleep_ = true;
    return readiness_.fd(bell_.fd());
  }
  std::uint64_t do_foreign_bytes() const override { return skipped_; }

  int queue_ = -1;
  sys::Lease lease_;
  Bells& bells_;
  sys::Bell bell_;
  std::size_t capacity_;
  framed::Inbox inbox_;
  framed::Readiness readiness_;
  Basket basket_;
  std::size_t untold_ = 0;  ///< Bytes of room that waiting senders have not been told of.
  bool asleep_ = false;     ///< The senders have been told to ring.
  bool polled_ = false;     ///< Somebody polls the bell himself.
  std::uint64_t skipped_ = 0;
};

class SysvSender final : public Sender {
 public:
  explicit SysvSender(const sys::Path& path) : SysvSender(sys::Seat(path, "sysv-mq")) {}

  ~SysvSender() override {
    if (!ends_well()) return;
    seat_.leave();
    nudge();
  }

 private:
  explicit SysvSender(sys::Seat seat)
      : Sender(seat.max_message()),
        seat_(std::move(seat)),
        bells_(*static_cast<Bells*>(seat_.kind_room())),
        ringer_(seat_.bell_path()),
        queue_(find_queue(seat_.object_path())),
        outbox_(std::min(kUnit, longest_message(queue_))) {
    nudge();
    seat_.enter();
    outbox_.enter(seat_.id());
  }

  // Tells the receiver to look: we have come, or left. If the queue is full it has reason enough to
  // wake, and finds us at the locks.
  void nudge() {
    if (msgsnd(letter_.with(framed::Outbox::nudge(), {})).ok() && bells_.receiver.is_to_be_woken())
      ringer_.ring(kRing);
  }

  sys::Result msgsnd(Bytes letter) {
    return sys::msgsnd(queue_, letter, "one message, whole or not at all");
  }

  sys::Result try_put(Bytes letter) {
    const auto sent = msgsnd(letter);
    if (sent.ok() && bells_.receiver.is_to_be_woken()) ringer_.ring_if_possible(kRing);
    return sent;
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (!seat_.receiver_lives()) return Status::closed;
    return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
      return put(letter_.with(header, payload), until);
    });
  }

  Status put(Bytes letter, Deadline deadline) {
    std::optional<std::uint32_t> wanted;
    for (;;) {
      const auto sent = try_put(letter);
      if (sent.ok()) return Status::ok;
      if (sent.error == EIDRM || sent.error == EINVAL) return Status::closed;  // it was removed
      if (sent.error != EAGAIN) sent.check(seat_.object_path());
      if (!seat_.receiver_lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      if (wanted) {
        bells_.room.wait(*wanted, std::min(deadline, Deadline::after(sys::Seat::kLook)),
                         "the queue is full: until the receiver has taken one");
        wanted.reset();
      } else {
        wanted = bells_.room.want();
      }
    }
  }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(outbox_.sent(), want, deadline);
  }

  sys::Seat seat_;
  Bells& bells_;
  sys::Ringer ringer_;
  int queue_;
  framed::Outbox outbox_;
  Letter letter_;
};

constexpr std::array<std::string_view, 5> known_options{"mode", "max_message", "max_senders",
                                                        "capacity", "bare"};

}  // namespace

const Kind kinds::sysv_mq{
    .name = "sysv-mq",
    .summary = "System V message queue: a number for a name, 16 KiB of kernel memory",
    .traits = {.bare = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (options.bare) return std::make_unique<bare::SysvQueueReceiver>(address, options);
          return std::make_unique<SysvReceiver>(address, options);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          if (!options.bare) return std::make_unique<SysvSender>(sys::resolve(address));
          sys::check_speaks_bare(sys::resolve(address));
          return std::make_unique<bare::SysvQueueSender>(address);
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc

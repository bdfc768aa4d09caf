// Boost's message queue: shared memory with a lock, and what it takes to live with that.
//
//   name        a file in /dev/shm, like every shared memory object; random here, found through the
//               lease. Each sender makes one: ipc.TOKEN.SLOT.GENERATION
//   boundaries  kept by the queue: one try_send is one try_receive
//   full        the sender waits once 16 messages of 16 KiB wait in its queue (Options::capacity)
//   end         the queue knows nothing of anybody: the locks of the lease tell it (sys/lease.hpp)
//   stale name  the files outlive all processes; whoever takes the dead receiver's lease over removes
//               all that begin with its name
//   cost        two copies and two uncontended locks, no system call while both sides are awake:
//               75 ns for 64 bytes through a queue in one process (measured)
//   poll        no: neither a mutex nor a condition can be polled. A bell, a FIFO beside the lease, is
//               rung only while the receiver sleeps
//
//     sender A --try_send--> [ipc.TOKEN.0.1: lock | index | 16 x 16 KiB] --try_receive--+
//                                                                                       |
//     sender B --try_send--> [ipc.TOKEN.1.1: lock | index | 16 x 16 KiB] --try_receive--+-> receiver
//                                                                                       |   frames
//     sender C, killed       [ipc.TOKEN.2.7: lock of a dead process]     --exception--- X
//        with the lock          what was in it is lost; nobody else notices
//
// What Boost gives: a portable queue in a few lines, with priorities, that needs neither the kernel's
// quotas nor its copying. What it does not give is told by its own tracker: that it hangs or breaks
// when a process dies. We have counted (Boost 1.81, one queue, SIGKILL at random):
//
//   send() and receive(), receiver killed 300 times     119 hangs, 18 dead queues
//   timed_send() and timed_receive(), 150 times          56 hangs, 10 dead queues
//   try_send() and try_receive(), 4,500 times             0 hangs, up to 7 % dead queues
//
// *A killed waiter hangs everybody.* A process that waits for room or for a message sleeps in
// pthread_cond_wait(3) in shared memory. If it is killed there, the condition waits for it to leave
// the next time somebody signals: for ever, with the mutex locked, and a deadline does not help, for
// it counts for waiting and not for signalling. POSIX knows robust mutexes, but no robust conditions.
// So nobody here ever waits inside Boost: only the try_ functions are called, and he who has to wait
// sleeps on a bell or a futex of ours, where a dead sleeper is nothing.
//
// *A killed holder breaks the queue.* Boost's mutex is robust: the kernel marks it when its holder
// dies, and the next one to lock it is told. He could look at the queue and declare it whole or empty.
// Boost "can't inform the application", as its source says, and gives the mutex up: from then on each
// call of everybody throws lock_exception, and the queue cannot be emptied any more. Copying happens
// under the lock, so this is no rare case: of senders that do nothing but send, 3 of 10 are killed in
// there. Hence a queue for each sender, as a ring for each in shm: the exception means *this sender
// died*, its queue goes, and nobody else is harmed. But what it had finished sending and the receiver
// had not taken goes with it. That is the trait may_lose, and the only kind that has it.
//
// *A stopped holder stops everybody.* "try" means room. The lock itself is waited for, and SIGSTOP in
// the microsecond in which it is held would make try_receive hang. Boost can be compiled with a limit
// on that (BOOST_INTERPROCESS_ENABLE_TIMEOUT_WHEN_LOCKING): a millisecond here. Then the receiver
// leaves that queue alone for a while, and a sender reports no room. The limit is a time on the wall
// clock; who sets it back in that millisecond prolongs it.
//
// *Making one is not atomic either.* Whoever opens a queue that is being made waits for its maker; if
// that was killed, for five minutes. So a queue is made as NAME.new and renamed when it is complete.
// And since senders make them, one could be made in the moment in which a receiver's end has just
// removed all there were, and be left behind for ever by a kill: so it is made while the lease's
// take-over lock is held, together with other makers, and removers wait for that (boosted/maker.hpp).
//
// *All of it is there from the beginning.* Boost calls fallocate(2), so that a full /dev/shm is an error
// when a sender connects, and not SIGBUS when it sends. It also means 256 KiB for each.
//
// *Whose file?* /dev/shm is sticky: what another user made, our receiver could not remove, and a queue
// that another user planted would be believed. So a sender must be of the receiver's user, or root,
// who gives the file to that user. Options::mode opens the lease and the files, but no other way in.
//
// Senders that come, send and leave while the receiver sleeps leave a queue each; after 16 in one
// place the next one's messages wait. Its priorities are not used: they would let frames of one
// message overtake each other.
//
// See boost/interprocess/ipc/message_queue.hpp, pthread_mutexattr_setrobust(3), and boosted/queue.hpp
// for the four calls that are left of it.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ipc/boosted/maker.hpp"
#include "ipc/boosted/queue.hpp"
#include "ipc/boosted/shelf.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/framed/room.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/bell.hpp"
#include "ipc/sys/futex.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc {
namespace {

using boosted::Attempt;

constexpr boosted::Geometry kUsual{16, 16384};
constexpr std::size_t kLeastMessage = 256;  // less, and headers outweigh what they carry
constexpr std::size_t kMostMessage = std::size_t{64} << 10;
constexpr std::size_t kLeastCapacity = 1024;
constexpr std::size_t kMostCapacity = std::size_t{1} << 30;
// Nobody rings when a lock is given back, and for a receiver that is dead to be seen as such.
constexpr auto kLockNap = std::chrono::milliseconds(5);
constexpr auto kBrokenPatience = std::chrono::seconds(1);

// What receiver and senders share on the page of the lease.
struct Board {
  boosted::Plan plan;
  framed::Sleeper receiver;
  std::atomic<std::uint32_t> nudges;  ///< Senders: how often one came, made its queue, or left.
};
static_assert(sizeof(Board) <= sys::kKindRoom);

boosted::Geometry geometry_of(const Options& options) {
  if (!options.capacity) return kUsual;
  const auto capacity = *options.capacity;
  if (capacity < kLeastCapacity || capacity > kMostCapacity)
    throw Error(Trouble::invalid, EINVAL,
                "listen: a queue of " + std::to_string(capacity) + " bytes; from " +
                    std::to_string(kLeastCapacity) + " to " + std::to_string(kMostCapacity) +
                    " are possible (capacity)");
  const auto size = std::clamp(capacity / kUsual.messages / 8 * 8, kLeastMessage, kMostMessage);
  return {static_cast<std::uint32_t>(capacity / size), static_cast<std::uint32_t>(size)};
}

boosted::Plan plan_of(const Options& options) {
  return {geometry_of(options), options.mode.value_or(0600), ::geteuid(), ::getegid()};
}

sys::Lease::Terms terms_of(const Options& options, const boosted::Plan& plan) {
  return {.kind = "boost-mq",
          .home = sys::Home::shm_queues,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .kind_room = std::as_bytes(std::span(&plan, 1))};
}

class BoostReceiver final : public Receiver {
 public:
  BoostReceiver(const std::string& address, const Options& options)
      : BoostReceiver(address, options, plan_of(options)) {}

  ~BoostReceiver() override {
    if (ends_well()) inbox_.begin();  // the last message is consumed
  }

 private:
  BoostReceiver(const std::string& address, const Options& options, const boosted::Plan& plan)
      : Receiver(address),
        lease_(sys::resolve(address), terms_of(options, plan),
               [](const std::string&) { sys::remark("the senders will make the queues"); }),
        board_(*static_cast<Board*>(lease_.kind_room())),
        bell_(lease_.bell_path(), static_cast<mode_t>(plan.mode)),
        shelf_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .object = lease_.object_path().substr(lease_.object_path().rfind('/') + 1),
                .geometry = plan.geometry}),
        inbox_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .any_lives = [this] { return lease_.any_sender_lives(); },
                .max_message = options.max_message.value_or(kMaxMessage),
                .drained =
                    [this](std::uint32_t slot) {
                      return surveyed_ == inbox_.marks() && shelf_.drained(slot);
                    }}) {}

  Received do_receive(Deadline deadline) override {
    inbox_.begin();
    wake();
    for (;;) {
      if (const auto event = inbox_.overdue()) return readiness_.done(*event, false);
      survey();
      if (const auto taken = shelf_.take()) {
        const auto frame = wire::decode(taken->frame);
        if (!frame || !inbox_.plausible(*frame) || frame->sender != id_of(*taken))
          skipped_ += std::max<std::size_t>(taken->frame.size(), 1);
        else if (const auto got = inbox_.accept(*frame))
          return readiness_.done(*got, false);
        continue;
      }
      if (inbox_.look() || is_behind()) continue;
      if (const auto event = inbox_.settle()) return readiness_.done(*event, false);
      if (!asleep_) {
        // First said, then looked once more: who sends after that look rings.
        board_.receiver.sleeps();
        asleep_ = true;
        continue;
      }
      // It stays said for the event loop, which will poll the bell.
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      if (sys::wait_readable(bell_.fd(),
                             std::min({deadline, inbox_.next_look(), shelf_.next_try()}),
                             "until the bell rings; look at the locks now and then"))
        bell_.silence();
      wake();
    }
  }

  std::uint32_t id_of(const boosted::Shelf::Taken& taken) const {
    return sys::connection_id(taken.generation, taken.slot,
                              static_cast<std::uint32_t>(lease_.slots().size()));
  }

  bool is_behind() const {
    return surveyed_ != inbox_.marks() || nudges_ != board_.nudges.load(std::memory_order_acquire);
  }
  // Before a queue is found empty: ends that have been seen, and queues that have come.
  void survey() {
    if (!is_behind()) return;
    const auto marks = inbox_.marks();
    const auto nudges = board_.nudges.load(std::memory_order_acquire);
    shelf_.survey(marks != surveyed_);
    if (nudges != nudges_) inbox_.look_soon();
    surveyed_ = marks;
    nudges_ = nudges;
  }

  void wake() {
    if (!asleep_) return;
    asleep_ = false;
    board_.receiver.is_awake();
    if (polled_) bell_.silence();
  }

  int do_readiness_fd() override {
    polled_ = true;
    board_.receiver.sleeps();
    asleep_ = true;
    return readiness_.fd(bell_.fd());
  }
  std::uint64_t do_foreign_bytes() const override { return skipped_; }

  sys::Lease lease_;
  Board& board_;
  sys::Bell bell_;
  boosted::Shelf shelf_;
  framed::Inbox inbox_;
  framed::Readiness readiness_;
  std::uint64_t surveyed_ = 0;  ///< Inbox::marks() at the last survey ...
  std::uint32_t nudges_ = 0;    ///< ... and the nudges.
  bool asleep_ = false;         ///< The senders have been told to ring.
  bool polled_ = false;         ///< Somebody polls the bell himself.
  std::uint64_t skipped_ = 0;
};

class BoostSender final : public Sender {
 public:
  explicit BoostSender(const sys::Path& path) : BoostSender(sys::Seat(path, "boost-mq")) {}

  ~BoostSender() override {
    if (!ends_well()) return;
    seat_.leave();
    nudge("tell the receiver to look: we have left");
  }

 private:
  explicit BoostSender(sys::Seat seat)
      : Sender(seat.max_message()),
        seat_(std::move(seat)),
        board_(*static_cast<Board*>(seat_.kind_room())),
        ringer_(seat_.bell_path()),
        maker_(seat_, board_.plan),
        queue_(maker_.make()),
        outbox_(board_.plan.geometry.message_size) {
    nudge("tell the receiver to look: we have come");
    seat_.enter();
    outbox_.enter(seat_.id());
    board_.nudges.fetch_add(1, std::memory_order_release);  // and now there is something to see
  }

  void nudge(const char* why) {
    board_.nudges.fetch_add(1, std::memory_order_release);
    if (board_.receiver.is_to_be_woken()) ringer_.ring(why);
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (!seat_.receiver_lives()) return Status::closed;
    return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
      // Boost gathers nothing, so that the frame is put together here.
      frame_.assign(header.begin(), header.end());
      frame_.insert(frame_.end(), payload.begin(), payload.end());
      return put(until);
    });
  }

  Attempt try_put() {
    if (!queue_) {
      queue_ = maker_.make();
      if (!queue_) return Attempt::no;
      nudge("tell the receiver that there is another queue");
    }
    const auto attempt = queue_->try_send(frame_);
    if (attempt == Attempt::done && board_.receiver.is_to_be_woken())
      ringer_.ring_if_possible("the receiver said it sleeps");
    return attempt;
  }

  Status put(Deadline deadline) {
    sys::Slot& slot = seat_.slot();
    std::optional<Deadline> patience;  // with a queue that a dead process has locked
    for (bool wanted = false;; wanted = !wanted) {
      const auto bell = slot.bell.load(std::memory_order_relaxed);
      if (wanted) {
        slot.room_wanted.store(1, std::memory_order_relaxed);
        // Sequentially consistent with the receiver's look after each frame that it takes: it sees
        // that we want room, or we find what it has made.
        std::atomic_thread_fence(std::memory_order_seq_cst);
      }
      const auto attempt = try_put();
      if (attempt == Attempt::done) return Status::ok;
      if (!seat_.receiver_lives()) return Status::closed;
      // Nobody but the two of us locks it. It takes a moment until a death is seen.
      if (attempt == Attempt::broken) {
        if (!patience) patience = Deadline::after(kBrokenPatience);
        if (patience->expired())
          throw Error(Trouble::corrupt, ENOTRECOVERABLE,
                      "send " + maker_.name() +
                          ": a process died with the queue's lock, and it was not the receiver");
      }
      if (deadline.expired()) return Status::timed_out;
      if (!wanted) continue;
      const auto nap = attempt == Attempt::no ? sys::Seat::kLook : kLockNap;
      sys::wait_futex(slot.bell, bell, std::min(deadline, Deadline::after(nap)),
                      "full: until the receiver has taken one");
    }
  }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(outbox_.sent(), want, deadline);
  }

  sys::Seat seat_;
  Board& board_;
  sys::Ringer ringer_;
  boosted::Maker maker_;
  std::optional<boosted::Queue> queue_;  ///< None as long as too many of former owners are unread.
  framed::Outbox outbox_;
  std::vector<std::byte> frame_;
};

constexpr std::array<std::string_view, 4> known_options{"mode", "max_message", "max_senders",
                                                        "capacity"};

}  // namespace

const Kind kinds::boost_mq{
    .name = "boost-mq",
    .summary = "Boost.Interprocess message queue: a locked queue in shared memory for each sender",
    .traits = {.may_lose = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          return std::make_unique<BoostReceiver>(address, options);
        },
        .connect = [](const std::string& address, const Options&) -> std::unique_ptr<Sender> {
          return std::make_unique<BoostSender>(sys::resolve(address));
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc

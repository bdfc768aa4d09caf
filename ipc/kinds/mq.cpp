// POSIX message queues: the kernel keeps whole messages, by priority.
//
//   name        "/NAME" in a name space of their own, without directories; mq_unlink(3) takes it.
//               ls /dev/mqueue shows them where that is mounted (mount -t mqueue none /dev/mqueue)
//   boundaries  kept by the kernel: one mq_send(3) is one mq_receive(3)
//   full        the sender waits once mq_maxmsg messages (10) wait, of whatever size
//   end         nobody is told of anybody's: a queue is no connection, and one that is unlinked
//               goes on taking messages that nobody will read. The locks of the lease tell it
//   stale name  the queue outlives all processes, full as it was; the lease settles whose it is
//   cost        two copies, one system call each, one wake-up if the receiver sleeps
//   poll        yes on Linux: the descriptor is one like others, and says exactly whether there is
//               a message, and whether there is room. POSIX promises only mq_notify(3)
//
//     sender A  --mq_send(p=0)--+   kernel: 10 places of 8192 bytes   +--mq_receive--> frame
//                               +-->  p=9 [B1]                        |
//     sender B  --mq_send(p=9)--+     p=0 [A1][A2][A3]   -------------+   B1 first, then A1 A2 A3
//
// What surprises:
//
// *The limits are the smallest of all mechanisms.* 10 messages of 8192 bytes in a queue
// (fs.mqueue.msg_max, msgsize_max), and 819,200 bytes for all queues of a user (RLIMIT_MSGQUEUE,
// `ulimit -q`), of which the kernel takes 96 per message for itself: 9 queues of 10 x 8192 fit, 38
// of 10 x 2048. And the errors mislead: beyond the first it is EINVAL, beyond the second EMFILE,
// "too many open files". So a receiver that is not told its capacity takes what the quota leaves,
// smaller messages if need be, never fewer of them; and Kind::fit tells beforehand how.
//
// *Priority makes messages overtake each other,* so it belongs to a connection here
// (Options::priority), not to a message: within one priority the queue keeps its order, and frames
// of one message must not be taken apart. A sender must also not overtake what the last owner of
// its slot has left in the queue: sys::Precedence.
//
// *mq_timedsend(3) and mq_timedreceive(3) count by the wall clock,* and wait an hour too long when
// it is put back an hour. Hence O_NONBLOCK and ppoll(2), with one system call more when it sleeps.
//
// Bare (Options::bare) is the queue as any program sees it: ADDRESS demo is the queue "/demo", one
// message is one message. A bare receiver makes the queue if there is none, and only then removes
// it.
//
// See mq_overview(7), and "POSIX message queue limits" in getrlimit(2).
#include <fcntl.h>

#include <array>
#include <cerrno>

#include "ipc/framed/inbox.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/mqueue.hpp"
#include "ipc/sys/queue_quota.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc {
namespace {

constexpr unsigned kHighestPriority = 32767;  // MQ_PRIO_MAX - 1 on Linux, mq_overview(7)

sys::Lease::Terms terms_of(const Options& options) {
  return {.kind = "mq",
          // A bare queue may be somebody else's; it is adopted once we know that it is not.
          .home = options.bare ? sys::Home::none : sys::Home::mqueue,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .bare = options.bare};
}

auto make_in(sys::Queue& queue, const Options& options) {
  return [&queue, &options](const std::string& name) {
    if (!sys::make_queue(name, options.mode.value_or(0600), options.capacity, queue))
      throw Error("mq_open", name, EEXIST);  // of 64 random bits; somebody has seen the lease
  };
}

class MqReceiver final : public Receiver {
 public:
  MqReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        lease_(sys::resolve(address), terms_of(options), make_in(queue_, options)),
        inbox_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .any_lives = [this] { return lease_.any_sender_lives(); },
                .max_message = terms_of(options).max_message,
                .channel_frames = queue_.geometry.messages}),
        room_(queue_.geometry.message_size) {}

  ~MqReceiver() override {
    if (ends_well()) inbox_.begin();  // the last message is consumed
  }

 private:
  Received do_receive(Deadline deadline) override {
    inbox_.begin();
    for (;;) {
      if (const auto event = inbox_.overdue()) return readiness_.done(*event, false);
      unsigned priority = 0;
      const auto got =
          sys::mq_receive(queue_.fd.get(), room_, priority, "one message is one frame");
      if (got.ok()) {
        const auto frame = wire::decode(Bytes(room_).first(got.count()));
        if (!frame || !inbox_.plausible(*frame))
          skipped_ += std::max<std::size_t>(got.count(), 1);
        else if (const auto message = inbox_.accept(*frame))
          return readiness_.done(*message, false);
        continue;
      }
      if (got.error != EAGAIN) got.check(lease_.object_path());
      if (inbox_.look()) continue;
      if (const auto event = inbox_.settle()) return readiness_.done(*event, false);
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      sys::wait_readable(queue_.fd.get(), std::min(deadline, inbox_.next_look()),
                         "the queue is empty; look at the locks now and then");
    }
  }

  int do_readiness_fd() override { return readiness_.fd(queue_.fd.get()); }
  std::uint64_t do_foreign_bytes() const override { return skipped_; }

  sys::Queue queue_;
  sys::Lease lease_;
  framed::Inbox inbox_;
  std::vector<std::byte> room_;
  framed::Readiness readiness_;
  std::uint64_t skipped_ = 0;
};

// The writing end of a queue, ours or anybody's.
class Slit {
 public:
  Slit(std::string name, unsigned priority) : name_(std::move(name)), priority_(priority) {
    const auto opened = sys::mq_open(name_, O_WRONLY, "to send to");
    if (opened.error == ENOENT)
      throw Error(Trouble::no_receiver, ENOENT, "connect " + name_ + ": no such queue");
    queue_ = sys::Fd(opened.check(name_).fd());
    std::size_t waiting = 0;
    (void)sys::mq_getattr(queue_.get(), geometry_, waiting, "how long may a message be?")
        .check(name_);
  }

  std::size_t longest() const { return geometry_.message_size; }

  /// `lives` is asked now and then while there is no room.
  template <class Lives>
  Status put(Bytes message, Deadline deadline, Lives lives) {
    for (;;) {
      const auto sent =
          sys::mq_send(queue_.get(), message, priority_, "one message, whole or not at all");
      if (sent.ok()) return Status::ok;
      if (sent.error != EAGAIN) sent.check(name_);
      if (!lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      sys::wait_writable(queue_.get(), std::min(deadline, Deadline::after(sys::Seat::kLook)),
                         "the queue is full: until one is taken");
    }
  }
  void try_put(Bytes message, const char* why) {
    (void)sys::mq_send(queue_.get(), message, priority_, why);
  }

 private:
  std::string name_;
  unsigned priority_;
  sys::Fd queue_;
  sys::QueueGeometry geometry_;
};

bool is_empty(const std::string& name) {
  const auto opened = sys::mq_open(name, O_WRONLY, "does anything wait in it?");
  if (!opened.ok()) return true;  // its receiver has gone; enter() will say so
  const sys::Fd queue(opened.fd());
  sys::QueueGeometry geometry;
  std::size_t waiting = 0;
  (void)sys::mq_getattr(queue.get(), geometry, waiting, "does anything wait in it?").check(name);
  return waiting == 0;
}

unsigned priority_of(const Options& options) {
  const unsigned priority = options.priority.value_or(0);
  if (priority > kHighestPriority)
    throw Error(Trouble::invalid, EINVAL,
                "priority = " + std::to_string(priority) + ": the highest is " +
                    std::to_string(kHighestPriority));
  return priority;
}

class MqSender final : public Sender {
 public:
  MqSender(const sys::Path& path, unsigned priority)
      : MqSender(sys::Seat(path, "mq", {priority, is_empty}), priority) {}

  ~MqSender() override {
    if (!ends_well()) return;
    seat_.leave();
    slit_.try_put(framed::Outbox::nudge(), "tell the receiver to look: we have left");
  }

 private:
  MqSender(sys::Seat seat, unsigned priority)
      : Sender(seat.max_message()),
        seat_(std::move(seat)),
        slit_(seat_.object_path(), priority),
        outbox_(slit_.longest()) {
    frame_.reserve(slit_.longest());
    // If the queue is full the receiver has reason enough to wake, and finds us at the locks.
    slit_.try_put(framed::Outbox::nudge(), "tell the receiver to look: we have come");
    seat_.enter();
    outbox_.enter(seat_.id());
  }

  Status do_send(Bytes message, Deadline deadline) override {
    if (!seat_.receiver_lives()) return Status::closed;
    return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
      // mq_send(3) gathers nothing, so that the frame is put together here: one copy of at most
      // 8 KiB more than writev(2) needs.
      frame_.assign(header.begin(), header.end());
      frame_.insert(frame_.end(), payload.begin(), payload.end());
      return slit_.put(frame_, until, [this] { return seat_.receiver_lives(); });
    });
  }
  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(outbox_.sent(), want, deadline);
  }

  sys::Seat seat_;
  Slit slit_;
  framed::Outbox outbox_;
  std::vector<std::byte> frame_;
};

// Bare: ADDRESS demo or /demo is the queue "/demo".
std::string bare_name(const std::string& address) {
  return address.starts_with('/') ? address : "/" + address;
}
sys::Path bare_path(const std::string& address) {
  return sys::resolve(bare_name(address).substr(1));
}

class BareMqReceiver final : public Receiver {
 public:
  BareMqReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        name_(bare_name(address)),
        lease_(bare_path(address), terms_of(options), [](const std::string&) {}) {
    if (sys::make_queue(name_, options.mode.value_or(0600), options.capacity, queue_)) {
      lease_.adopt(sys::Home::mqueue);
    } else {
      queue_.fd = sys::Fd(sys::mq_open(name_, O_RDONLY, "it is there already").check(name_).fd());
      std::size_t waiting = 0;
      (void)sys::mq_getattr(queue_.fd.get(), queue_.geometry, waiting, "how long are its messages?")
          .check(name_);
    }
    room_.resize(queue_.geometry.message_size);
  }

 private:
  Received do_receive(Deadline deadline) override {
    for (;;) {
      unsigned priority = 0;
      const auto got = sys::mq_receive(queue_.fd.get(), room_, priority, "one message");
      if (got.ok()) return {Status::ok, Bytes(room_).first(got.count())};
      if (got.error != EAGAIN) got.check(name_);
      if (deadline.expired()) return {};
      sys::wait_readable(queue_.fd.get(), deadline, "until a message comes");
    }
  }
  int do_readiness_fd() override { return queue_.fd.get(); }

  std::string name_;
  sys::Lease lease_;
  sys::Queue queue_;
  std::vector<std::byte> room_;
};

class BareMqSender final : public Sender {
 public:
  explicit BareMqSender(Slit slit) : Sender(slit.longest()), slit_(std::move(slit)) {}

 private:
  Status do_send(Bytes message, Deadline deadline) override {
    return slit_.put(message, deadline, [] { return true; });
  }
  Slit slit_;
};

constexpr std::array<std::string_view, 6> known_options{"mode",     "max_message", "max_senders",
                                                        "capacity", "priority",    "bare"};

}  // namespace

const Kind kinds::mq{
    .name = "mq",
    .summary = "POSIX message queue: whole messages by priority, 10 x 8 KiB of kernel memory",
    .traits = {.bare = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (options.bare) return std::make_unique<BareMqReceiver>(address, options);
          return std::make_unique<MqReceiver>(address, options);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          const auto priority = priority_of(options);
          if (!options.bare) return std::make_unique<MqSender>(sys::resolve(address), priority);
          sys::check_speaks_bare(bare_path(address));
          return std::make_unique<BareMqSender>(Slit(bare_name(address), priority));
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
        .fit =
            [](std::size_t receivers, const Options& options) {
              const auto geometry = sys::fit_queues(receivers, options.capacity);
              Options fitting = options;
              fitting.capacity = geometry.messages * geometry.message_size;
              return fitting;
            },
    },
};

}  // namespace ipc

// POSIX shared memory: rings in memory that both sides have mapped.
//
//   name        a file in /dev/shm, shm_overview(7); random here, and found through the lease
//   boundaries  none, memory is memory: a record's length makes them (wire/ring.hpp)
//   full        4 MiB per sender (Options::capacity); then the sender spins a little and sleeps
//   end         memory tells nothing at all: the locks of the lease do (sys/lease.hpp)
//   stale name  the file outlives every process, and its memory with it; whoever takes the dead
//               receiver's lease over removes it
//   cost        no system call while both sides are awake: 0.2 µs a round trip between two cores;
//               one copy into the lane, none out of it, none at all with reserve()
//   poll        no: neither memory nor a futex can be polled. Who needs a descriptor gets a bell, a
//               FIFO beside the lease that is rung only while the receiver sleeps in poll(2)
//
//     sender A --writes--> [ lane 0: ####....... ] --reads in place--+
//                             head moves: published                   |
//     sender B --writes--> [ lane 1: ..########. ] -------------------+--> receiver, lane by lane,
//                                                                     |    64 messages each
//     sender C, killed     [ lane 2: ####        ] -------------------+    tail moves: given back
//                             what it had published is read, then `died` is told
//
// What surprises:
//
// *One ring for all senders is a trap.* Room is taken by one atomic addition and filled afterwards;
// a sender killed in between leaves a gap that nobody ever fills, and the receiver waits at it for
// ever (after 6 ms of random kills, measured). With a lane for each sender a message is published by
// the one store that moves `head`: 2,731 kills, none torn, none stuck.
//
// *ftruncate(2) promises nothing.* A segment of 1 GiB in a /dev/shm of 64 MiB is made without a word,
// and the first touch beyond the limit is SIGBUS. So a lane is fallocated when a sender claims it,
// and "no room" is an error with a sentence. Merely reading untouched pages would take memory too.
//
// *Sleeping is dear, spinning may be dearer.* See lanes/spin.hpp.
//
// See shm_overview(7), futex(2), and wire/ring.hpp for the ring.
#include <fcntl.h>

#include <array>
#include <bit>

#include "ipc/kinds.hpp"
#include "ipc/lanes/receiver.hpp"
#include "ipc/lanes/sender.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/lease.hpp"

namespace ipc {
namespace {

constexpr std::size_t kLane = std::size_t{4} << 20;
constexpr std::size_t kMostLane = std::size_t{1} << 30;

sys::Lease::Terms terms_of(const Options& options) {
  return {.kind = "shm",
          .home = sys::Home::shm,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders))};
}

std::size_t lane_size(const Options& options) {
  const auto size = options.capacity.value_or(kLane);
  if (size >= lanes::kLeastLane && size <= kMostLane) return size;
  throw Error(Trouble::invalid, EINVAL,
              "listen: a lane of " + std::to_string(size) + " bytes; from " +
                  std::to_string(lanes::kLeastLane) + " to " + std::to_string(kMostLane) +
                  " are possible (capacity)");
}

class ShmReceiver final : public lanes::LaneReceiver {
 public:
  static std::unique_ptr<Receiver> listen(const std::string& address, const Options& options) {
    const auto terms = terms_of(options);
    const auto capacity = lane_size(options);
    sys::Fd file;
    std::optional<lanes::Segment> segment;
    auto lease =
        std::make_shared<sys::Lease>(sys::resolve(address), terms, [&](const std::string& path) {
          file = sys::Fd(sys::open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600,
                                   "what shm_open(3) does: a file in a file system of memory")
                             .check(path)
                             .fd());
          segment =
              lanes::Segment::create(file.get(), terms.max_senders, std::bit_ceil(capacity), path);
          (void)sys::fchmod(file.get(), terms.mode, "exactly this mode, whatever the umask")
              .check(path);
        });
    return std::unique_ptr<Receiver>(
        new ShmReceiver(address, terms, lease, std::move(file), std::move(*segment)));
  }

 private:
  ShmReceiver(const std::string& address, const sys::Lease::Terms& terms,
              const std::shared_ptr<sys::Lease>& lease, sys::Fd file, lanes::Segment segment)
      : LaneReceiver(address,
                     {.slots = lease->slots(),
                      .lives = [held = lease.get()](auto slot) { return held->sender_lives(slot); },
                      .any_lives = [held = lease.get()] { return held->any_sender_lives(); },
                      .max_message = terms.max_message,
                      .bell_path = lease->bell_path(),
                      .mode = terms.mode},
                     std::move(file), std::move(segment), lease) {}
};

std::unique_ptr<Sender> connect(const std::string& address) {
  sys::Seat seat(sys::resolve(address), "shm");
  const auto opened =
      sys::open(seat.object_path(), O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0, "what shm_open(3) does");
  if (opened.error == ENOENT)
    throw Error(Trouble::no_receiver, ENOENT, "connect " + address + ": no receiver");
  opened.check(seat.object_path());
  return std::make_unique<lanes::LaneSender<sys::Seat>>(std::move(seat), sys::Fd(opened.fd()));
}

constexpr std::array<std::string_view, 4> known_options{"mode", "max_message", "max_senders",
                                                        "capacity"};

}  // namespace

const Kind kinds::shm{
    .name = "shm",
    .summary = "POSIX shared memory: a ring per sender, read and written in place, no system calls",
    .traits = {.in_place = true},
    .options = known_options,
    .implementation = {
        .listen = ShmReceiver::listen,
        .connect = [](const std::string& address, const Options&) { return connect(address); },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc

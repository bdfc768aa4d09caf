// A mapped file: the rings of shared memory, in a file that outlives both sides.
//
//   name        a file; open(2) finds it, unlink(2) takes the name. Nobody need be there: the file
//               keeps what nobody has read yet, after both sides have ended
//   boundaries  none, memory is memory: a record's length makes them (wire/ring.hpp)
//   full        never, until the disk is; so we count: at `capacity` unread bytes in its lane,
//               64 MiB, a sender waits
//   end         nothing is told at all; the locks of the lease do (sys/durable_lease.hpp)
//   stale name  there is none: the file *is* the channel, and the next one goes on with it
//   cost        no system call for a message while both sides are awake; one copy into the file,
//               none out of it. For each megabyte two calls, and a fault for each page on each side
//   poll        no, as with memory: a bell, a FIFO beside the lease, for who sleeps in poll(2)
//
//     sender A --writes--> [ lane 0: .....####....... ] --reads in place--+
//                     given back: a hole   |  a megabyte ahead: zeros     v
//     sender B, killed     [ lane 1: ..####           ] ----> receiver, now or next week
//                     what it had published is read, then `died` is told
//
// What surprises:
//
// *A file and memory are one thing.* What mmap(2) shows is the kernel's page cache, the same pages
// that read(2) and write(2) copy from and to. So this is `shm` in another directory: the same ring,
// the same futex, and after SIGKILL all that was stored is there. What differs is how long it
// stays.
//
// *Room is taken by a touch, and refused by SIGBUS.* A file of 8 GB of addresses costs nothing
// until a page of it is written, and if the disk is full just then, there is no return value to say
// so. So the sender takes room ahead of its head by writing zeros there, a megabyte at a time:
// write(2) can say ENOSPC. The receiver gives it back behind its tail,
// fallocate(FALLOC_FL_PUNCH_HOLE): `ls -l` shows gigabytes, `du` what is unread
// (lanes/backing.hpp).
//
// *So is a truncated file.* Anybody who may write to the file may cut it, and the next touch beyond
// its end kills whoever has it mapped. Here it is an error on both sides (sys/sigbus.hpp).
//
// *A power cut tears what SIGKILL cannot.* The kernel writes pages to the disk in an order of its
// own: the head may be there and the message not. With Options::sync both are flushed, in their
// order, by two msync(2) a message. And each record carries checks, so that the first one who comes
// after a reboot finds out which of them the disk has whole (lanes/durable.hpp).
//
// See mmap(2), msync(2), fallocate(2), and shm.cpp for what both have in common.
#include <fcntl.h>

#include <array>

#include "ipc/kinds.hpp"
#include "ipc/lanes/durable.hpp"
#include "ipc/lanes/receiver.hpp"
#include "ipc/lanes/sender.hpp"
#include "ipc/sys/durable_lease.hpp"
#include "ipc/sys/durable_seat.hpp"
#include "ipc/sys/file.hpp"

namespace ipc {
namespace {

sys::DurableTerms terms_of(const Options& options) {
  const auto capacity = options.capacity.value_or(lanes::kUsualCapacity);
  if (capacity > lanes::kMostCapacity)
    throw Error(Trouble::invalid, EINVAL,
                "mmap: a lane for " + std::to_string(capacity) + " unread bytes; up to " +
                    std::to_string(lanes::kMostCapacity) + " are possible (capacity)");
  return {.kind = "mmap",
          .home = sys::Home::path,
          .mode = options.mode,
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = options.max_senders,
          .capacity = capacity};
}

sys::DurableObject object(const Options& options) {
  return lanes::durable_object(
      static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
      options.capacity.value_or(lanes::kUsualCapacity));
}

sys::Fd open_segment(const std::string& path) {
  return sys::Fd(sys::open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0, "the rings, to be mapped")
                     .check(path)
                     .fd());
}

class MmapReceiver final : public lanes::LaneReceiver {
 public:
  static std::unique_ptr<Receiver> listen(const std::string& address, const Options& options) {
    auto lease = std::make_shared<sys::DurableLease>(sys::resolve(address), terms_of(options),
                                                     object(options));
    sys::Fd file = open_segment(lease->object_path());
    auto segment = lanes::Segment::open(file.get(), lease->object_path());
    const auto most = lanes::most_capacity(segment.lane_size());
    if (options.capacity.value_or(0) > most)
      throw Error(Trouble::invalid, EINVAL,
                  "listen " + address +
                      ": not all that it holds has been read, and its lanes were made "
                      "for up to " +
                      std::to_string(most) + " unread bytes; capacity = " +
                      std::to_string(*options.capacity) + " is possible once it is empty");
    if (segment.lanes() != lease->max_senders())
      throw Error(Trouble::corrupt, EINVAL,
                  "segment " + lease->object_path() + ": has not one lane for each sender");
    return std::unique_ptr<Receiver>(
        new MmapReceiver(address, options, lease, std::move(file), std::move(segment)));
  }

 private:
  MmapReceiver(const std::string& address, const Options& options,
               const std::shared_ptr<sys::DurableLease>& lease, sys::Fd file,
               lanes::Segment segment)
      : LaneReceiver(address,
                     {.slots = lease->slots(),
                      .lives = [held = lease.get()](auto slot) { return held->sender_lives(slot); },
                      .any_lives = [held = lease.get()] { return held->any_sender_lives(); },
                      .max_message = kMaxMessage,
                      .bell_path = lease->bell_path(),
                      .mode = options.mode.value_or(0600),
                      .durable = &lease->state(),
                      .sync = options.sync},
                     std::move(file), std::move(segment), lease) {}
};

std::unique_ptr<Sender> connect(const std::string& address, const Options& options) {
  sys::DurableSeat seat(sys::resolve(address), terms_of(options), object(options),
                        options.require_receiver);
  sys::Fd file = open_segment(seat.object_path());
  return std::make_unique<lanes::LaneSender<sys::DurableSeat>>(std::move(seat), std::move(file),
                                                               options.sync);
}

constexpr std::array<std::string_view, 6> known_options{
    "mode", "max_message", "max_senders", "capacity", "require_receiver", "sync"};

}  // namespace

const Kind kinds::mmap{
    .name = "mmap",
    .summary = "mapped file: the rings of shm in a file, kept until read, whoever lives",
    .traits = {.needs_receiver = false, .in_place = true, .durable = true, .at_least_once = true},
    .options = known_options,
    .implementation =
        {
            .listen = MmapReceiver::listen,
            .connect = connect,
            .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
        },
};

}  // namespace ipc

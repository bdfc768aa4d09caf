#include "ipc/boosted/queue.hpp"

#include <cerrno>

// With a limit on the wait for a lock, BOOST_INTERPROCESS_ENABLE_TIMEOUT_WHEN_LOCKING in CMakeLists.txt.
// A program must not have both versions of Boost's inline functions: scripts/check-layers sees to it
// that nobody else includes them.
#include <boost/interprocess/ipc/message_queue.hpp>

#include "ipc/sys/call.hpp"

namespace ipc::boosted {
namespace {

namespace bi = boost::interprocess;

#ifndef BOOST_INTERPROCESS_ENABLE_TIMEOUT_WHEN_LOCKING
#error "without a limit on the wait for its lock a stopped process stops all who meet it"
#endif

[[noreturn]] void refuse(const std::string& name, const bi::interprocess_exception& error,
                         const std::string& size) {
  const int number = error.get_native_error();
  if (number == ENOSPC)
    throw Error(
        Trouble::limit, ENOSPC,
        "message_queue " + name + ": /dev/shm has no room for the " + size +
            " bytes of another queue: remove what others left there, or enlarge it (mount "
            "-o remount,size=BYTES /dev/shm), or let the receiver ask for less (--capacity)");
  // What is not the kernel's is a bad file: too short, or of another program.
  if (number == 0)
    throw Error(Trouble::corrupt, EINVAL, "message_queue " + name + ": " + error.what());
  throw Error("shm_open", "/" + name, number);
}

template <class Act>
Attempt attempt(Act act) {
  try {
    return act() ? Attempt::done : Attempt::no;
  } catch (const bi::lock_exception&) {
    return Attempt::broken;
  } catch (const bi::interprocess_exception& error) {
    if (error.get_error_code() == bi::timeout_when_locking_error) return Attempt::busy;
    throw Error(Trouble::corrupt, EINVAL, std::string("message_queue: ") + error.what());
  }
}

}  // namespace

struct Queue::Held {
  bi::message_queue queue;
};

Queue::Queue(std::unique_ptr<Held> held) : held_(std::move(held)) {}
Queue::Queue(Queue&&) noexcept = default;
Queue& Queue::operator=(Queue&&) noexcept = default;
Queue::~Queue() {
  if (held_) sys::unseen("Boost unmaps the queue: munmap");
}

std::optional<Queue> Queue::make(const std::string& name, const Geometry& geometry, mode_t mode) {
  sys::unseen("Boost makes a queue: openat, fchmod, fallocate, ftruncate, newfstatat, mmap, close");
  try {
    return Queue(std::unique_ptr<Held>(new Held{{bi::create_only, name.c_str(), geometry.messages,
                                                 geometry.message_size, bi::permissions(mode)}}));
  } catch (const bi::interprocess_exception& error) {
    if (error.get_error_code() == bi::already_exists_error) return std::nullopt;
    refuse(name, error, std::to_string(std::size_t{geometry.messages} * geometry.message_size));
  }
}

std::optional<Queue> Queue::open(const std::string& name) {
  sys::unseen("Boost opens a sender's queue: openat, newfstatat, newfstatat, mmap, close");
  try {
    return Queue(std::unique_ptr<Held>(new Held{{bi::open_only, name.c_str()}}));
  } catch (const bi::interprocess_exception& error) {
    if (error.get_error_code() == bi::not_found_error) return std::nullopt;
    refuse(name, error, "");
  }
}

Attempt Queue::try_send(Bytes message) {
  sys::unseen(
      "Boost locks the queue, copies a message in if there is room, unlocks: futex if they meet");
  return attempt([&] { return held_->queue.try_send(message.data(), message.size(), 0); });
}

Attempt Queue::try_receive(std::span<std::byte> room, std::size_t& size) {
  sys::unseen(
      "Boost locks the queue, copies a message out if there is one, unlocks: futex if they meet");
  unsigned priority = 0;
  return attempt(
      [&] { return held_->queue.try_receive(room.data(), room.size(), size, priority); });
}

std::size_t Queue::longest() const {
  return held_->queue.get_max_msg_size();
}

}  // namespace ipc::boosted

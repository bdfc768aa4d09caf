// boost::interprocess::message_queue, cut down to what of it can be trusted near SIGKILL.
//
// A queue has one mutex and two conditions in its shared memory. The conditions are where a killed
// waiter hangs everybody else, so only try_send and try_receive are used, which never wait on them.
// What remains is the mutex:
//
//   its holder was killed    glibc tells the next one (EOWNERDEAD), and Boost answers by making the
//                            mutex unusable for ever: every call throws lock_exception. Attempt::broken
//   its holder was stopped   even try_send waits for it: "try" is about room, not about the lock. So
//                            this file is compiled with a limit on that wait. Attempt::busy
//
// A destroyed Queue is unmapped; its name stays (see Home::shm_queues).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "ipc/transport.hpp"

namespace ipc::boosted {

/// All messages of a queue have their room from the beginning.
struct Geometry {
  std::uint32_t messages;
  std::uint32_t message_size;  ///< In bytes.
};

enum class Attempt {
  done,
  no,      ///< It is full; or empty.
  busy,    ///< The other side has the lock and does not give it back within kLockWait.
  broken,  ///< A process died with the lock; nothing more will go in or come out.
};

/// One thread at a time.
class Queue {
 public:
  /// Makes /dev/shm/NAME with exactly that mode; empty if the name is taken. Throws Trouble::limit if
  /// the file system has no room for all of it: it is never only promised.
  static std::optional<Queue> make(const std::string& name, const Geometry& geometry, mode_t mode);
  /// Opens one that has been made completely; empty if there is none of that name.
  static std::optional<Queue> open(const std::string& name);
  Queue(Queue&&) noexcept;
  Queue& operator=(Queue&&) noexcept;
  ~Queue();

  Attempt try_send(Bytes message);
  /// `room` is as long as the longest message; `size` becomes the message's.
  Attempt try_receive(std::span<std::byte> room, std::size_t& size);

  /// The longest message in bytes.
  std::size_t longest() const;

 private:
  struct Held;
  explicit Queue(std::unique_ptr<Held> held);
  std::unique_ptr<Held> held_;
};

}  // namespace ipc::boosted

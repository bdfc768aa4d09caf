// A bell for mechanisms that cannot be polled.
//
// A futex, a System V queue or a ring in shared memory has no descriptor, and an event loop waits
// for nothing else. So a FIFO stands beside the object, `.TOKEN.bell`; it is made when somebody
// first asks for a descriptor, and rung only while the receiver sleeps in poll(2). That costs 6 µs a
// round trip on one core, where a thread that pumps from futex to eventfd costs 18 µs (measured).
#pragma once

#include <sys/types.h>

#include <string>

#include "ipc/sys/fd.hpp"

namespace ipc::sys {

/// The receiver's side. The FIFO, at Lease::bell_path, is removed with an object that lives elsewhere
/// than beside the lease (is_far in sys/lease_file.hpp), and with a durable one; that of a durable
/// object stays from one receiver to the next. Beside others nobody removes it.
class Bell {
 public:
  Bell() = default;
  Bell(const std::string& path, mode_t mode);

  bool is_open() const { return fifo_.is_open(); }
  int fd() const { return fifo_.get(); }
  /// Takes all rings, so that it is silent until the next.
  void silence();

 private:
  Fd fifo_;
};

/// The sender's side: rings without waiting. A full bell is loud enough.
class Ringer {
 public:
  explicit Ringer(std::string path) : path_(std::move(path)) {}
  /// Throws if no descriptor is left to open the bell with.
  void ring(const char* why);
  /// For what is sent, whatever fails afterwards: the receiver of a connected sender looks by itself,
  /// a quarter of a second later.
  void ring_if_possible(const char* why) noexcept;

 private:
  std::string path_;
  Fd fifo_;
};

}  // namespace ipc::sys

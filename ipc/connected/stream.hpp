// Frames over a byte stream that each sender has for itself: both ends of it. For stream and tcp.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

#include "ipc/connected/receiver.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/socket.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/transport.hpp"
#include "ipc/wire/stream.hpp"

namespace ipc::connected {

/// Reads connections with few buffers: only one that has part of a frame keeps its own.
class StreamEars {
 public:
  /// The next frame of `connection`. With `foreign`, how many bytes were none; once there were any,
  /// there will be nothing else.
  Heard hear(Connection& connection, wire::Frame& frame, std::size_t& foreign);

 private:
  void put_away(Connection& connection);
  std::vector<wire::StreamParser::Buffer> spare_;
};

/// The sender's side. One thread at a time.
class StreamMouth {
 public:
  /// Puts one frame, whole or not at all: what a deadline has cut is owed, and paid before the next.
  /// `lives` is asked whenever there is no room.
  template <class Lives>
  Status put(int socket, Bytes header, Bytes payload, Deadline deadline, Lives lives) {
    if (full_)
      if (const Status status = wait(socket, deadline, lives); status != Status::ok) return status;
    while (!debt_.is_paid()) {
      const std::array parts{sys::part(debt_.next())};
      const auto sent = sys::sendmsg(socket, parts, "the rest of a frame that was given up");
      if (sent.ok()) {
        debt_.paid(sent.count());
        continue;
      }
      const Status status = judge(socket, sent, deadline, lives);
      if (status != Status::ok) return status;
    }
    const std::size_t size = header.size() + payload.size() + 1;
    std::size_t done = 0;
    while (done < size) {
      const std::size_t in_payload = done - std::min(done, header.size());
      const std::array parts{sys::part(header.subspan(std::min(done, header.size()))),
                             sys::part(payload.subspan(std::min(in_payload, payload.size()))),
                             sys::part(Bytes(&wire::kCommit, 1))};
      const auto sent = sys::sendmsg(socket, parts, "a frame and its commit byte");
      if (sent.ok()) {
        // Who does not wait and finds that half a frame has gone in gives the rest a moment.
        if (done == 0 && sent.count() < size && deadline.expired())
          deadline = Deadline::after(kMoment);
        done += sent.count();
        continue;
      }
      Status status{};
      try {
        status = judge(socket, sent, deadline, lives);
      } catch (...) {  // whatever it was: the rest is owed, or the stream is out of step for ever
        if (done > 0) debt_.incur(header, payload.size(), done);
        throw;
      }
      if (status == Status::ok) continue;
      if (done > 0) debt_.incur(header, payload.size(), done);
      return status;
    }
    return Status::ok;
  }

 private:
  static constexpr auto kMoment = std::chrono::milliseconds(10);
  static constexpr auto kLook = std::chrono::milliseconds(250);

  template <class Lives>
  Status judge(int socket, const sys::Result& sent, Deadline deadline, Lives lives) {
    if (is_end(sent.error)) return Status::closed;
    if (sent.error != EAGAIN) sent.check("");
    return wait(socket, deadline, lives);
  }

  // Full is full until poll(2) says otherwise, which is when a good part of the buffer is free: a TCP
  // connection frees a little now and then, even while nobody reads.
  template <class Lives>
  Status wait(int socket, Deadline deadline, Lives lives) {
    full_ = true;
    for (;;) {
      if (!lives()) return Status::closed;
      full_ = !sys::wait_writable(socket, std::min(deadline, Deadline::after(kLook)),
                                  "full: until there is room, or the receiver is gone");
      if (!full_) return Status::ok;
      if (deadline.expired()) return Status::timed_out;
    }
  }

  wire::StreamDebt debt_;
  bool full_ = false;
};

}  // namespace ipc::connected

// What the senders of all kinds with one shared channel have in common: cutting a message into
// frames that the channel takes whole.
#pragma once

#include <algorithm>
#include <array>

#include "ipc/transport.hpp"
#include "ipc/wire/frame.hpp"

namespace ipc::framed {

/// One thread at a time.
class Outbox {
 public:
  /// `unit`: the longest frame that the channel takes whole, header included, in bytes.
  explicit Outbox(std::size_t unit) : payload_(unit - wire::kFrameHeader) {}

  void enter(std::uint32_t id) { id_ = id; }
  /// How many messages have been sent whole.
  std::uint64_t sent() const { return sent_; }

  /// The frame that makes the receiver look who came and who left.
  static std::array<std::byte, wire::kFrameHeader> nudge() {
    return wire::encode({.flags = wire::kNudge});
  }

  /// Sends one message. `put(header, payload, deadline)` puts one frame and returns ok, timed_out
  /// or closed. A message cut short by its deadline is dropped by the receiver when the next
  /// begins.
  template <class Put>
  Status send(Bytes message, Deadline deadline, Put put) {
    wire::Frame frame{id_, ++message_, static_cast<std::uint32_t>(message.size())};
    // A caller who does not wait still means the whole message: once the first frame is in, the
    // rest gets a moment.
    const bool hurried = message.size() > payload_ && deadline.expired();
    for (;;) {
      frame.payload =
          message.subspan(frame.offset, std::min(payload_, message.size() - frame.offset));
      const auto header = wire::encode(frame);
      if (const Status status = put(header, frame.payload, deadline); status != Status::ok)
        return status;
      frame.offset += static_cast<std::uint32_t>(frame.payload.size());
      if (frame.offset == frame.total) break;
      if (hurried && frame.offset == payload_) deadline = Deadline::after(kMoment);
    }
    ++sent_;
    return Status::ok;
  }

 private:
  static constexpr auto kMoment = std::chrono::milliseconds(10);
  std::size_t payload_;
  std::uint32_t id_ = 0;
  std::uint32_t message_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace ipc::framed

// The receiver's table of senders where there is no lease to hold it: each says hello and goodbye in
// frames, and lives as long as it holds the lock on its byte of the channel itself.
//
// The numbers that frames carry are random, because senders cannot see each other's; here they are given
// generations.
#pragma once

#include <array>
#include <cstdint>

#include "ipc/framed/inbox.hpp"
#include "ipc/sys/lease_page.hpp"
#include "ipc/transport.hpp"
#include "ipc/wire/frame.hpp"

namespace ipc::framed {

// Flags of frames that say what on other kinds stands in the lease's slot.
inline constexpr std::uint8_t kHello = 2;    ///< Carries the sender's pid.
inline constexpr std::uint8_t kGoodbye = 4;  ///< Carries nothing.

class Roster {
 public:
  /// Both sides must know it, and cannot tell each other.
  static constexpr std::uint32_t kSlots = kMaxSenders;

  /// `channel` is asked for the senders' locks; it must stay open as long as the inbox.
  explicit Roster(int channel) : channel_(channel) {}

  /// For an inbox that lives as long as this.
  Inbox::Terms terms(std::uint64_t channel_frames);

  /// Whether a header that checks can be of a sender we have heard hello from, or is that hello.
  bool plausible(const wire::Frame& frame) const;

  /// Takes hello, goodbye and nudge; gives any other frame the number under which the inbox knows
  /// its sender, and returns false.
  bool take(wire::Frame& frame);

 private:
  int channel_;
  std::array<sys::Slot, kSlots> slots_{};
  std::array<std::uint32_t, kSlots> wire_ids_{};
};

}  // namespace ipc::framed

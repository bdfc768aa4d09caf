#include "ipc/framed/roster.hpp"

#include <sys/types.h>

#include <cstring>

#include "ipc/sys/lock.hpp"

namespace ipc::framed {

using sys::kFirstSenderByte;

Inbox::Terms Roster::terms(std::uint64_t channel_frames) {
  return {.slots = slots_,
          .lives =
              [this](std::uint32_t slot) {
                return sys::is_locked(channel_, kFirstSenderByte + slot, "does this sender live?");
              },
          .any_lives =
              [this] {
                return sys::is_any_locked(channel_, kFirstSenderByte, kSlots,
                                          "does any sender live?");
              },
          .max_message = kMaxMessage,
          .channel_frames = channel_frames};
}

bool Roster::plausible(const wire::Frame& frame) const {
  if (frame.flags == kHello) return frame.total == sizeof(pid_t);
  if (frame.flags == wire::kNudge) return frame.total == 0;
  return frame.sender == wire_ids_[frame.sender % kSlots] && frame.sender >= kSlots &&
         frame.total <= kMaxMessage;
}

bool Roster::take(wire::Frame& frame) {
  if (frame.flags == wire::kNudge) return true;
  const auto index = frame.sender % kSlots;
  sys::Slot& slot = slots_[index];
  auto tenure = sys::Tenure::unpacked(slot.tenure.load(std::memory_order_relaxed));
  if (frame.flags == kHello && frame.payload.size() == sizeof(pid_t)) {
    tenure = sys::succeed(slot);
    pid_t pid = 0;
    std::memcpy(&pid, frame.payload.data(), sizeof pid);
    slot.pid.store(pid, std::memory_order_relaxed);
    wire_ids_[index] = frame.sender;
  } else if (frame.flags == kGoodbye) {
    tenure.place = sys::Place::goodbye;
  } else {
    frame.sender = sys::connection_id(tenure.generation, index, kSlots);
    return false;
  }
  slot.tenure.store(tenure.packed(), std::memory_order_relaxed);
  return true;
}

}  // namespace ipc::framed

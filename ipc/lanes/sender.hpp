// Sends through a lane of a segment.
#pragma once

#include "ipc/lanes/segment.hpp"
#include "ipc/sys/bell.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/ring_memory.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/transport.hpp"

namespace ipc::lanes {

class LaneSender : public Sender {
 public:
  /// `seat` holds a slot and has not entered yet; `file` is its segment.
  LaneSender(sys::Seat seat, sys::Fd file);
  ~LaneSender() override;

 private:
  Status do_send(Bytes, Deadline) override;
  std::span<std::byte> do_reserve(std::size_t size, Deadline, Status&) override;
  Status do_commit(std::size_t used, Deadline) override;
  std::uint64_t do_taken(std::uint64_t want, Deadline) override;

  Status send_in_chunks(Bytes message, Deadline deadline);
  std::byte* wait_for_room(std::size_t length, Deadline deadline, Status& status);
  void publish(std::size_t length, std::uint8_t flags);
  void nudge();
  void wake_receiver();

  sys::Seat seat_;
  Segment segment_;
  wire::Lane* lane_;
  sys::RingMemory memory_;
  wire::Producer<> producer_;
  sys::Ringer ringer_;
  std::size_t in_place_max_;
  std::uint32_t message_ = 0;
  std::uint64_t sent_ = 0;
  bool lent_ = false;  ///< The open reservation is in the lane.
};

}  // namespace ipc::lanes

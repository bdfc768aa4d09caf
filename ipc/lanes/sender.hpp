// Sends through a lane of a segment.
#pragma once

#include <type_traits>

#include "ipc/lanes/backing.hpp"
#include "ipc/lanes/segment.hpp"
#include "ipc/sys/bell.hpp"
#include "ipc/sys/durable_seat.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/transport.hpp"
#include "ipc/wire/numbered.hpp"

namespace ipc::lanes {

/// In memory, with a sys::Seat: the lane goes with its receiver, and a message longer than
/// in_place_max() goes in several records. In a file, with a sys::DurableSeat: the lane outlives
/// both, so each message is one record, numbered and with checks (wire/numbered.hpp), and as many
/// bytes may be unread as the receiver decided.
template <class Seat>
class LaneSender : public Sender {
 public:
  static constexpr bool kDurable = std::is_same_v<Seat, sys::DurableSeat>;

  /// `seat` holds a slot and has not entered yet; `file` is its segment. With `sync` a message is
  /// on the disk before it counts as sent.
  LaneSender(Seat seat, sys::Fd file, bool sync = false);
  ~LaneSender() override;

 private:
  Status do_send(Bytes, Deadline) override;
  std::span<std::byte> do_reserve(std::size_t size, Deadline, Status&) override;
  Status do_commit(std::size_t used, Deadline) override;
  std::uint64_t do_taken(std::uint64_t want, Deadline) override;

  Status send_in_chunks(Bytes message, Deadline deadline);
  void publish_message(std::size_t size);
  std::byte* find_room(wire::RecordType type, std::size_t length);
  std::byte* take_room(wire::RecordType type, std::size_t length, Deadline deadline,
                       Status& status);
  std::byte* wait_for_room(wire::RecordType type, std::size_t length, Deadline deadline,
                           Status& status);
  enum class Completes { nothing, message };
  void publish(std::size_t length, Completes completes);
  void nudge();
  bool wake_receiver();

  // A message that is one record.
  static constexpr auto kWhole = kDurable ? wire::RecordType::numbered : wire::RecordType::message;

  Seat seat_;
  Segment segment_;
  wire::Lane* lane_;
  MappedLane memory_;
  Backing backing_;
  wire::Producer<> producer_;
  sys::Ringer ringer_;
  std::size_t in_place_max_;
  bool sync_;
  std::uint32_t message_ = 0;
  std::uint64_t sent_ = 0;
  bool lent_ = false;  ///< The open reservation is in the lane.
};

extern template class LaneSender<sys::Seat>;
extern template class LaneSender<sys::DurableSeat>;

}  // namespace ipc::lanes

#include "ipc/lanes/sender.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ipc/lanes/chunk.hpp"
#include "ipc/lanes/durable.hpp"
#include "ipc/lanes/spin.hpp"
#include "ipc/sys/call.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::lanes {
namespace {

constexpr auto kMoment = std::chrono::milliseconds(10);
constexpr const char* kRing = "the receiver sleeps in poll(2)";

template <class Seat>
Segment open_segment(const Seat& seat, const sys::Fd& file) {
  Segment segment = Segment::open(file.get(), seat.object_path());
  if (segment.lanes() == seat.max_senders()) return segment;
  throw Error(Trouble::corrupt, EINVAL,
              "segment " + seat.object_path() + ": has not one lane for each sender");
}

Backing back_lane(bool durable, sys::Fd file, const Segment& segment, std::uint32_t lane) {
  const auto offset = segment.lane_offset(lane);
  if (!durable) return Backing::whole(file, offset, segment.lane_size(), segment.object());
  // Relaxed: as for the producer.
  return Backing::piecewise(std::move(file), offset, segment.lane_size(), segment.object(),
                            segment.lane(lane).head.load(std::memory_order_relaxed));
}

}  // namespace

template <class Seat>
LaneSender<Seat>::LaneSender(Seat seat, sys::Fd file, bool sync)
    : Sender(seat.max_message()),
      seat_(std::move(seat)),
      segment_(open_segment(seat_, file)),
      lane_(&segment_.lane(seat_.slot_number())),
      memory_(segment_.map_lane(file.get(), seat_.slot_number(), "our lane, twice in a row")),
      backing_(back_lane(kDurable, std::move(file), segment_, seat_.slot_number())),
      producer_(*lane_, memory_.data(), segment_.lane_size()),
      ringer_(seat_.bell_path()),
      in_place_max_(kDurable ? kMaxMessage : in_place_max(segment_.lane_size())),
      sync_(sync) {
  const auto slot = seat_.slot_number();
  // Release: pairs with the receiver's acquire; our lane is backed by memory before it looks there.
  segment_.header().used[slot / 64].fetch_or(std::uint64_t{1} << (slot % 64),
                                             std::memory_order_release);
  nudge();
  seat_.enter();
  segment_.check();
  if (!sync_) return;
  if constexpr (kDurable) {
    // That we were here, or our messages would be nobody's; what our predecessor in the lane has
    // sent without sync, or ours would follow a gap; and the name.
    seat_.flush();
    flush_lane(memory_, *lane_, segment_);
    sys::flush_directory_of(seat_.object_path(), "and its name");
  }
}

template <class Seat>
LaneSender<Seat>::~LaneSender() {
  if (!ends_well()) return;
  lane_->cpu.store(0, std::memory_order_relaxed);  // nobody needs to spin for us any more
  seat_.leave();
  try {
    nudge();
  } catch (const Error&) {
    // Unwoken it looks by itself, a quarter of a second later.
  }
}

template <class Seat>
Status LaneSender<Seat>::do_send(Bytes message, Deadline deadline) {
  if (message.size() > in_place_max_) return send_in_chunks(message, deadline);
  Status status = Status::ok;
  std::byte* room = take_room(kWhole, message.size(), deadline, status);
  if (!room) return status;
  if (!message.empty()) std::memcpy(room, message.data(), message.size());
  publish_message(message.size());
  return Status::ok;
}

template <class Seat>
Status LaneSender<Seat>::send_in_chunks(Bytes message, Deadline deadline) {
  const bool hurried = deadline.expired();
  const auto total = static_cast<std::uint32_t>(message.size());
  ++message_;
  for (std::size_t offset = 0; offset < message.size();) {
    const auto length = std::min(in_place_max_, message.size() - offset);
    Status status = Status::ok;
    std::byte* room = take_room(wire::RecordType::chunk, length, deadline, status);
    if (!room) return status;
    write_chunk_preface(producer_.preface(), message_, total, static_cast<std::uint32_t>(offset));
    std::memcpy(room, message.data() + offset, length);
    const bool is_last = offset + length == message.size();
    publish(length, is_last ? Completes::message : Completes::nothing);
    // A caller who does not wait still means the whole message: once its beginning is in, the rest
    // gets a moment.
    if (offset == 0 && hurried) deadline = Deadline::after(kMoment);
    offset += length;
  }
  return Status::ok;
}

template <class Seat>
std::span<std::byte> LaneSender<Seat>::do_reserve(std::size_t size, Deadline deadline,
                                                  Status& status) {
  lent_ = size <= in_place_max_;
  if (!lent_) return Sender::do_reserve(size, deadline, status);
  std::byte* room = take_room(kWhole, size, deadline, status);
  return room ? std::span(room, size) : std::span<std::byte>();
}

template <class Seat>
Status LaneSender<Seat>::do_commit(std::size_t used, Deadline deadline) {
  if (!lent_) return Sender::do_commit(used, deadline);
  publish_message(used);
  return Status::ok;
}

// The message's bytes are where they belong.
template <class Seat>
void LaneSender<Seat>::publish_message(std::size_t size) {
  if constexpr (kDurable)
    wire::number(producer_, seat_.id(), static_cast<std::uint32_t>(sent_ + 1), size);
  publish(size, Completes::message);
}

// Null if there is none.
template <class Seat>
std::byte* LaneSender<Seat>::find_room(wire::RecordType type, std::size_t length) {
  std::size_t limit = segment_.lane_size();
  if constexpr (kDurable)
    limit = std::min<std::size_t>(seat_.state().capacity.load(std::memory_order_relaxed),
                                  most_capacity(limit));
  std::byte* room = producer_.reserve(type, length, limit);
  if (!room) return nullptr;
  const auto begin = static_cast<std::size_t>(room - producer_.record());
  const auto end = producer_.position() + wire::record_size(begin, length);
  if (!backing_.reaches(end)) [[unlikely]] {
    // First, because to write behind its end makes a truncated file long again.
    segment_.look();
    backing_.extend(end);
  }
  return room;
}

// The same, and waits for it; null also once the receiver is gone.
template <class Seat>
std::byte* LaneSender<Seat>::take_room(wire::RecordType type, std::size_t length, Deadline deadline,
                                       Status& status) {
  if (seat_.is_over()) {
    status = Status::closed;
    return nullptr;
  }
  if (std::byte* room = find_room(type, length)) [[likely]]
    return room;
  return wait_for_room(type, length, deadline, status);
}

template <class Seat>
std::byte* LaneSender<Seat>::wait_for_room(wire::RecordType type, std::size_t length,
                                           Deadline deadline, Status& status) {
  for (std::byte* room = nullptr;;) {
    segment_.look();
    if (seat_.is_over() || !seat_.receiver_lives()) {
      status = Status::closed;
      return nullptr;
    }
    if (deadline.expired()) {
      status = Status::timed_out;
      return nullptr;
    }
    const auto look_again = [&] { return (room = find_room(type, length)) != nullptr; };
    if (runs_elsewhere(segment_.header().receiver_cpu) && spin(look_again)) return room;
    const auto space = lane_->space.load(std::memory_order_acquire);
    lane_->waiting.store(1, std::memory_order_relaxed);
    // Pairs with nothing that the receiver must pay for at every message: it may overlook `waiting`
    // for a moment, and then we look ourselves at the next tick.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!look_again())
      sys::wait_futex(lane_->space, space, std::min(deadline, Deadline::after(Seat::kLook)),
                      "the lane is full: asleep until half of it is free");
    lane_->waiting.store(0, std::memory_order_relaxed);
    if (!seat_.is_over() && look_again()) return room;
  }
}

template <class Seat>
void LaneSender<Seat>::publish(std::size_t length, Completes completes) {
  const std::size_t size = producer_.finish(seat_.id(), length);
  if (sync_)
    (void)sys::flush_mapping(producer_.record(), size, "the record, before it counts")
        .check(segment_.object());
  segment_.check();
  producer_.publish();
  // At once: whatever fails from here on, it is sent, and its number taken.
  if (completes == Completes::message) ++sent_;
  note_cpu(lane_->cpu);
  sys::remark("published by a release store of the lane's head");
  if (sync_)
    (void)sys::flush_mapping(lane_, sizeof *lane_, "and that it counts").check(segment_.object());
  segment_.check();
  if (wake_receiver()) ringer_.ring_if_possible(kRing);
}

// Makes the receiver look who came and who left.
template <class Seat>
void LaneSender<Seat>::nudge() {
  segment_.header().nudges.fetch_add(1, std::memory_order_release);
  if (wake_receiver()) ringer_.ring(kRing);
}

// True if it sleeps where only its bell is heard.
template <class Seat>
bool LaneSender<Seat>::wake_receiver() {
  // Sequentially consistent with the receiver's store that it sleeps and its look at the lanes:
  // either we see it asleep, or it sees what we have published.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto& bell = segment_.header().bell;
  if (bell.load(std::memory_order_relaxed) == static_cast<std::uint32_t>(Sleep::awake)) [[likely]] {
    sys::remark("the receiver is awake, so no bell");
    return false;
  }
  const auto slept = static_cast<Sleep>(
      bell.exchange(static_cast<std::uint32_t>(Sleep::awake), std::memory_order_relaxed));
  if (slept == Sleep::in_futex) sys::wake_futex(bell, "the receiver sleeps in futex(2)");
  return slept == Sleep::in_poll;
}

template <class Seat>
std::uint64_t LaneSender<Seat>::do_taken(std::uint64_t want, Deadline deadline) {
  return seat_.taken(sent_, want, deadline);
}

template class LaneSender<sys::Seat>;
template class LaneSender<sys::DurableSeat>;

}  // namespace ipc::lanes

#include "ipc/lanes/sender.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ipc/lanes/chunk.hpp"
#include "ipc/lanes/spin.hpp"
#include "ipc/sys/call.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::lanes {
namespace {

constexpr auto kMoment = std::chrono::milliseconds(10);

sys::RingMemory map_lane(const sys::Seat& seat, const Segment& segment, int file) {
  allocate(file, segment.lane_offset(seat.slot_number()), segment.lane_size(), seat.object_path());
  return {file, segment.lane_offset(seat.slot_number()), segment.lane_size(),
          "our lane, twice in a row"};
}

}  // namespace

LaneSender::LaneSender(sys::Seat seat, sys::Fd file)
    : Sender(seat.max_message()),
      seat_(std::move(seat)),
      segment_(Segment::open(file.get(), seat_.object_path())),
      lane_(&segment_.lane(seat_.slot_number())),
      memory_(map_lane(seat_, segment_, file.get())),
      producer_(*lane_, memory_.data(), segment_.lane_size()),
      ringer_(seat_.bell_path()),
      in_place_max_(in_place_max(segment_.lane_size())) {
  const auto slot = seat_.slot_number();
  // Release: pairs with the receiver's acquire; our lane is backed by memory before it looks there.
  segment_.header().used[slot / 64].fetch_or(std::uint64_t{1} << (slot % 64),
                                             std::memory_order_release);
  nudge();
  seat_.enter();
}

LaneSender::~LaneSender() {
  if (!ends_well()) return;
  lane_->cpu.store(0, std::memory_order_relaxed);  // nobody needs to spin for us any more
  seat_.leave();
  try {
    nudge();
  } catch (const Error&) {
    // Unwoken it looks by itself, a quarter of a second later.
  }
}

Status LaneSender::do_send(Bytes message, Deadline deadline) {
  if (message.size() > in_place_max_) return send_in_chunks(message, deadline);
  Status status = Status::ok;
  std::byte* room = wait_for_room(message.size(), deadline, status);
  if (!room) return status;
  if (!message.empty()) std::memcpy(room, message.data(), message.size());
  publish(message.size(), 0);
  ++sent_;
  return Status::ok;
}

Status LaneSender::send_in_chunks(Bytes message, Deadline deadline) {
  const bool hurried = deadline.expired();
  const auto total = static_cast<std::uint32_t>(message.size());
  const std::size_t most = in_place_max_ - kChunkHeader;
  ++message_;
  for (std::size_t offset = 0; offset < message.size();) {
    const auto length = std::min(most, message.size() - offset);
    Status status = Status::ok;
    std::byte* room = wait_for_room(kChunkHeader + length, deadline, status);
    if (!room) return status;
    write_chunk_header(room, message_, total, static_cast<std::uint32_t>(offset));
    std::memcpy(room + kChunkHeader, message.data() + offset, length);
    publish(kChunkHeader + length, kChunk);
    // A caller who does not wait still means the whole message: once its beginning is in, the rest
    // gets a moment.
    if (offset == 0 && hurried) deadline = Deadline::after(kMoment);
    offset += length;
  }
  ++sent_;
  return Status::ok;
}

std::span<std::byte> LaneSender::do_reserve(std::size_t size, Deadline deadline, Status& status) {
  lent_ = size <= in_place_max_;
  if (!lent_) return Sender::do_reserve(size, deadline, status);
  std::byte* room = wait_for_room(size, deadline, status);
  return room ? std::span(room, size) : std::span<std::byte>();
}

Status LaneSender::do_commit(std::size_t used, Deadline deadline) {
  if (!lent_) return Sender::do_commit(used, deadline);
  publish(used, 0);
  ++sent_;
  return Status::ok;
}

std::byte* LaneSender::wait_for_room(std::size_t length, Deadline deadline, Status& status) {
  note_cpu(lane_->cpu);
  for (;;) {
    if (!seat_.receiver_lives()) {
      status = Status::closed;
      return nullptr;
    }
    std::byte* room = producer_.reserve(length);
    if (room) [[likely]]
      return room;
    const auto look_again = [&] { return (room = producer_.reserve(length)) != nullptr; };
    if (deadline.expired()) {
      status = Status::timed_out;
      return nullptr;
    }
    if (runs_elsewhere(segment_.header().receiver_cpu) && spin(look_again)) return room;
    const auto space = lane_->space.load(std::memory_order_acquire);
    lane_->waiting.store(1, std::memory_order_relaxed);
    // Pairs with nothing that the receiver must pay for at every message: it may overlook `waiting`
    // for a moment, and then we look ourselves at the next tick.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!look_again())
      sys::wait_futex(lane_->space, space, std::min(deadline, Deadline::after(sys::Seat::kLook)),
                      "the lane is full: asleep until half of it is free");
    lane_->waiting.store(0, std::memory_order_relaxed);
  }
}

void LaneSender::publish(std::size_t length, std::uint8_t flags) {
  producer_.commit(seat_.id(), length, flags);
  sys::remark("published by a release store of the lane's head");
  wake_receiver();
}

// Makes the receiver look who came and who left.
void LaneSender::nudge() {
  segment_.header().nudges.fetch_add(1, std::memory_order_release);
  wake_receiver();
}

void LaneSender::wake_receiver() {
  // Sequentially consistent with the receiver's store that it sleeps and its look at the lanes:
  // either we see it asleep, or it sees what we have published.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto& bell = segment_.header().bell;
  if (bell.load(std::memory_order_relaxed) == static_cast<std::uint32_t>(Sleep::awake)) [[likely]] {
    sys::remark("the receiver is awake, so no bell");
    return;
  }
  const auto slept = static_cast<Sleep>(
      bell.exchange(static_cast<std::uint32_t>(Sleep::awake), std::memory_order_relaxed));
  if (slept == Sleep::in_futex) sys::wake_futex(bell, "the receiver sleeps in futex(2)");
  if (slept == Sleep::in_poll) ringer_.ring("the receiver sleeps in poll(2)");
}

std::uint64_t LaneSender::do_taken(std::uint64_t want, Deadline deadline) {
  return seat_.taken(sent_, want, deadline);
}

}  // namespace ipc::lanes

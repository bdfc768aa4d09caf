#include "ipc/lanes/receiver.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "ipc/lanes/backing.hpp"
#include "ipc/lanes/chunk.hpp"
#include "ipc/lanes/durable.hpp"
#include "ipc/lanes/spin.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::lanes {
namespace {

constexpr unsigned kTurn = 64;  // records of one lane before the next has its turn

}  // namespace

LaneReceiver::LaneReceiver(std::string address, Holding holding, sys::Fd file, Segment segment,
                           std::shared_ptr<void> keep)
    : Receiver(std::move(address)),
      keep_(std::move(keep)),
      holding_(std::move(holding)),
      file_(std::move(file)),
      segment_(std::move(segment)),
      inbox_({.slots = holding_.slots,
              .lives = holding_.lives,
              .any_lives = holding_.any_lives,
              .max_message = holding_.max_message,
              .channel_frames = 0,
              .drained =
                  [this](std::uint32_t slot) {
                    for (const Reader& reader : readers_)
                      if (reader.slot == slot) return reader.consumer.is_empty();
                    return (segment_.header().used[slot / 64].load(std::memory_order_acquire) >>
                                (slot % 64) &
                            1) == 0;
                  },
              .durable = holding_.durable}),
      half_((holding_.durable ? most_capacity(segment_.lane_size()) : segment_.lane_size()) / 2) {
  // An earlier receiver may have died asleep.
  segment_.header().bell.store(static_cast<std::uint32_t>(Sleep::awake), std::memory_order_relaxed);
  if (holding_.durable) half_ = std::min<std::size_t>(half_, holding_.durable->capacity.load() / 2);
}

LaneReceiver::~LaneReceiver() {
  if (!ends_well()) return;
  try {
    give_back();  // the last message is consumed
  } catch (const Error&) {
    // It is taken; only a flush can have failed, or the file is truncated, which its next user is
    // told.
  }
}

Received LaneReceiver::do_receive(Deadline deadline) {
  give_back();
  bool has_spun = deadline.is_at_once();
  if (turn_ < kTurn && !readers_.empty()) {  // the ordinary case, first and without detours
    Reader& reader = readers_[current_];
    auto record = reader.consumer.next();
    if (!record && !has_spun) {
      has_spun = !wait_awake();
      if (!has_spun) record = reader.consumer.next();
    }
    if (record && is_plain(reader, *record)) {
      ++turn_;
      if (!bell_.is_open()) return show(reader, *record);
      return done(show(reader, *record));
    }
  }
  return receive_any(deadline, has_spun);
}

// Whatever there is to tell, from whomever.
Received LaneReceiver::receive_any(Deadline deadline, bool has_spun) {
  for (;;) {
    segment_.look();
    if (turn_ == kTurn) {  // a lane that never gets empty must not hide newcomers and ends
      (void)see_newcomers();
      if (const auto event = inbox_.overdue()) return done(*event);
    }
    if (const auto got = take()) return done(*got);
    if (see_newcomers()) continue;
    if (look_around()) continue;
    if (const auto event = inbox_.settle()) return done(*event);
    if (deadline.expired()) {
      if (bell_.is_open()) {
        // Silenced before we say that we sleep: a ring after that must be heard. Whatever the word
        // says: a sender changes it first and rings afterwards, perhaps long afterwards.
        bell_.silence();
        fall_asleep(Sleep::in_poll);
        if (anything_published()) continue;
        if (watch_ && watch_->take() != 0) segment_.check_file(file_.get(), holding_.is_linked);
      }
      return done({});
    }
    if (!has_spun) {
      has_spun = !wait_awake();
      if (!has_spun) continue;
    }
    fall_asleep(Sleep::in_futex);
    if (!anything_published())
      sys::wait_futex(segment_.header().bell, static_cast<std::uint32_t>(Sleep::in_futex),
                      std::min(deadline, inbox_.next_look()),
                      "asleep until a sender rings; look at the locks now and then");
    segment_.header().bell.store(static_cast<std::uint32_t>(Sleep::awake),
                                 std::memory_order_relaxed);
  }
}

// A whole message, from the same sender as the last one of this lane.
bool LaneReceiver::is_plain(const Reader& reader, const wire::Record& record) const {
  using wire::RecordType;
  return record.type == (holding_.durable ? RecordType::numbered : RecordType::message) &&
         record.sender == reader.sender && !reader.assembling;
}

// A plain one, where it lies.
Received LaneReceiver::show(const Reader& reader, const wire::Record& record) {
  segment_.check();
  shown_ = record.size;
  if (!holding_.durable) return inbox_.show(reader.slot, record.bytes);
  const auto [message, bytes] = wire::numbered(record);
  return inbox_.show(reader.slot, bytes, message);
}

// The receiver before us was killed after it had noted that this message is taken, and before it
// had given its room back.
bool LaneReceiver::was_taken(const wire::Frame& frame) const {
  if (!holding_.durable) return false;
  const auto taken =
      holding_.slots[frame.sender % segment_.lanes()].taken.load(std::memory_order_relaxed);
  return taken >> 32 == frame.sender / segment_.lanes() &&
         static_cast<std::int32_t>(frame.message - static_cast<std::uint32_t>(taken)) <= 0;
}

// As often as for ends we look whether the file is still whole: a lane that nobody touches does not
// tell.
bool LaneReceiver::look_around() {
  const auto due = inbox_.next_look();
  const bool news = inbox_.look();
  if (inbox_.next_look() != due) segment_.check_file(file_.get(), holding_.is_linked);
  return news;
}

// The room of the message that the last receive showed goes back to its sender.
void LaneReceiver::give_back() {
  inbox_.begin();
  if (shown_ != 0) release(readers_[current_], std::exchange(shown_, 0));
}

void LaneReceiver::release(Reader& reader, std::size_t record_size) {
  reader.consumer.release(record_size);
  if (holding_.durable) {
    if (holding_.sync)
      (void)sys::flush_mapping(&segment_.lane(reader.slot), sizeof(wire::Lane),
                               "so that it does not come again")
          .check(segment_.object());
    if (const auto end = reader.consumer.position() / kBoundary * kBoundary; end > reader.punched) {
      punch(file_.get(), segment_.lane_offset(reader.slot), segment_.lane_size(), reader.punched,
            end);
      reader.punched = end;
    }
  }
  make_room_known(reader);
}

std::optional<Received> LaneReceiver::take() {
  // One more than there are lanes, so that the first is asked again when its turn has ended.
  for (std::size_t asked = 0; asked <= readers_.size() && !readers_.empty();) {
    Reader& reader = readers_[current_];
    if (turn_ < kTurn) {
      if (const auto record = reader.consumer.next()) {
        ++turn_;
        if (auto received = accept(reader, *record)) return received;
        release(reader, record->size);
        continue;
      }
    }
    turn_ = 0;
    current_ = (current_ + 1) % readers_.size();
    ++asked;
  }
  return std::nullopt;
}

// Nothing if the record is no whole message; then it can be given back at once.
std::optional<Received> LaneReceiver::accept(Reader& reader, const wire::Record& record) {
  if (is_plain(reader, record)) return show(reader, record);
  segment_.check();
  if (record.type == wire::RecordType::skip && holding_.durable) return std::nullopt;
  const auto frame = frame_of(record, holding_.durable != nullptr);
  if (frame && was_taken(*frame)) return std::nullopt;
  if (!frame || frame->sender % segment_.lanes() != reader.slot || !inbox_.plausible(*frame)) {
    foreign_ += record.size;
    return std::nullopt;
  }
  reader.sender = record.sender;
  auto received = inbox_.accept(*frame);
  const bool is_part = record.type == wire::RecordType::chunk;
  reader.assembling = is_part && !received;
  // A whole message is a view into the lane, one of several records a view into the inbox.
  if (received && !is_part)
    shown_ = record.size;
  else if (received)
    release(reader, record.size);
  return received;
}

// Whoever comes or leaves says so. True if there are lanes that we did not know.
bool LaneReceiver::see_newcomers() {
  // Acquire: pairs with the sender's release; the bit of its lane is set since before.
  const auto nudges = segment_.header().nudges.load(std::memory_order_acquire);
  if (nudges == nudges_) return false;
  inbox_.look_soon();
  const bool news = find_lanes();
  nudges_ = nudges;  // not before: who fails to map a lane now tries again
  return news;
}

// Makes readers for lanes that have got their first sender; true if there are any.
bool LaneReceiver::find_lanes() {
  bool news = false;
  for (std::uint32_t word = 0; word * 64 < segment_.lanes(); ++word) {
    // Acquire: pairs with the sender's release; its lane is backed by memory since before.
    std::uint64_t fresh =
        segment_.header().used[word].load(std::memory_order_acquire) & ~known_[word];
    for (; fresh != 0; fresh &= fresh - 1) {
      const auto slot = word * 64 + static_cast<std::uint32_t>(std::countr_zero(fresh));
      if (slot >= segment_.lanes()) break;
      MappedLane memory = segment_.map_lane(file_.get(), slot, "the lane, twice in a row");
      const std::byte* data = memory.data();
      wire::Lane& lane = segment_.lane(slot);
      readers_.push_back({slot, std::move(memory), {lane, data, segment_.lane_size()}});
      known_[word] |= fresh & -fresh;
      Reader& reader = readers_.back();
      // A receiver that was killed had perhaps not come to give back the last that it consumed.
      const auto position = reader.consumer.position() / kBoundary * kBoundary;
      reader.punched = position - std::min<std::uint64_t>(position, kBoundary + kMaxMessage);
      news = true;
    }
  }
  return news;
}

bool LaneReceiver::anything_published() {
  for (const Reader& reader : readers_)
    if (!reader.consumer.is_empty()) return true;
  return segment_.header().nudges.load(std::memory_order_acquire) != nudges_;
}

// Spins, if that is worth it; true if something came.
bool LaneReceiver::wait_awake() {
  note_cpu(segment_.header().receiver_cpu);
  const auto elsewhere = [this](const Reader& reader) {
    return runs_elsewhere(segment_.lane(reader.slot).cpu);
  };
  return std::ranges::any_of(readers_, elsewhere) && spin([this] { return anything_published(); });
}

// A sender that waits for room is woken when half of its lane is free, not at every message: else
// the two would take turns, one message each. It looks by itself every 250 ms, so a wake-up that is
// lost, because its `waiting` became visible a moment after our look, costs no more than that.
void LaneReceiver::make_room_known(Reader& reader) {
  wire::Lane& lane = segment_.lane(reader.slot);
  if (lane.waiting.load(std::memory_order_relaxed) == 0) [[likely]]
    return;
  if (reader.consumer.used() > half_) return;
  lane.waiting.store(0, std::memory_order_relaxed);
  lane.space.fetch_add(1, std::memory_order_release);
  sys::wake_futex(lane.space, "half of the lane is free again: its sender may go on");
}

// Says that we sleep. The fence pairs with the sender's between its store of `head` and its look at
// the bell: either it sees us asleep and rings, or we see what it has published. The caller looks.
void LaneReceiver::fall_asleep(Sleep how) {
  segment_.header().bell.store(static_cast<std::uint32_t>(how), std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (Reader& reader : readers_) make_room_known(reader);
}

int LaneReceiver::do_readiness_fd() {
  if (!bell_.is_open()) {
    if (holding_.durable) {
      // Nothing else tells an idle event loop that its file is truncated or removed.
      watch_.emplace(segment_.object(), IN_MODIFY | IN_ATTRIB,
                     "IN_MODIFY: perhaps it is truncated");
      if (watch_->is_ticking()) watch_.reset();
    }
    bell_ = sys::Bell(holding_.bell_path, holding_.mode);
  }
  return readiness_.fd(bell_.fd(), watch_ ? watch_->fd() : -1);
}

Received LaneReceiver::done(Received received) {
  return readiness_.done(received, inbox_.is_quiet());
}

std::uint64_t LaneReceiver::do_foreign_bytes() const {
  std::uint64_t sum = foreign_;
  for (const Reader& reader : readers_) sum += reader.consumer.skipped();
  return sum;
}

}  // namespace ipc::lanes

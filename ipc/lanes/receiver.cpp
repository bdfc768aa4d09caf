#include "ipc/lanes/receiver.hpp"

#include <bit>

#include "ipc/lanes/chunk.hpp"
#include "ipc/lanes/spin.hpp"
#include "ipc/sys/call.hpp"
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
              .drained = [this](std::uint32_t slot) {
                for (const Reader& reader : readers_)
                  if (reader.slot == slot) return reader.consumer.is_empty();
                return (segment_.header().used[slot / 64].load(std::memory_order_acquire) >>
                            (slot % 64) &
                        1) == 0;
              }}) {}

LaneReceiver::~LaneReceiver() {
  if (ends_well()) give_back();  // the last message is consumed
}

Received LaneReceiver::do_receive(Deadline deadline) {
  give_back();
  if (turn_ < kTurn && !readers_.empty()) {  // the ordinary case, first and without detours
    Reader& reader = readers_[current_];
    if (const auto record = reader.consumer.next(); record && is_plain(reader, *record)) {
      ++turn_;
      shown_ = record;
      if (!bell_.is_open()) return inbox_.show(reader.slot, record->bytes);
      return done(inbox_.show(reader.slot, record->bytes));
    }
  }
  for (;;) {
    if (turn_ == kTurn) {  // a lane that never gets empty must not hide newcomers and ends
      (void)find_lanes();
      if (const auto event = inbox_.overdue()) return done(*event);
    }
    if (const auto got = take()) return done(*got);
    if (find_lanes()) continue;
    if (const auto nudges = segment_.header().nudges.load(std::memory_order_acquire);
        nudges != nudges_) {
      nudges_ = nudges;
      inbox_.look_soon();
    }
    if (inbox_.look()) continue;
    if (const auto event = inbox_.settle()) return done(*event);
    if (deadline.expired()) {
      if (bell_.is_open()) {
        // Silenced before we say that we sleep: a ring after that must be heard.
        if (segment_.header().bell.load(std::memory_order_relaxed) !=
            static_cast<std::uint32_t>(Sleep::in_poll))
          bell_.silence();
        fall_asleep(Sleep::in_poll);
        if (anything_published()) continue;
      }
      return done({});
    }
    if (worth_spinning() && spin([this] { return anything_published(); })) continue;
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
bool LaneReceiver::is_plain(const Reader& reader, const wire::Record& record) {
  return record.flags == 0 && record.sender == reader.sender && !reader.assembling;
}

// The room of the message that the last receive showed goes back to its sender.
void LaneReceiver::give_back() {
  inbox_.begin();
  if (!shown_) return;
  Reader& reader = readers_[current_];
  reader.consumer.release(*shown_);
  shown_.reset();
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
        reader.consumer.release(*record);
        make_room_known(reader);
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
  if (is_plain(reader, record)) {
    shown_ = record;
    return inbox_.show(reader.slot, record.bytes);
  }
  const auto frame = record.flags == kChunk ? frame_of_chunk(record) : frame_of_whole(record);
  if (!frame || frame->sender % segment_.lanes() != reader.slot || !inbox_.plausible(*frame)) {
    foreign_ += record.bytes.size() + wire::kRecordHeader;
    return std::nullopt;
  }
  reader.sender = record.sender;
  auto received = inbox_.accept(*frame);
  reader.assembling = record.flags == kChunk && !received;
  // A whole message is a view into the lane, one of several records a view into the inbox.
  if (received && record.flags == 0)
    shown_ = record;
  else if (received) {
    reader.consumer.release(record);
    make_room_known(reader);
  }
  return received;
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
      known_[word] |= fresh & -fresh;
      if (slot >= segment_.lanes()) continue;
      sys::RingMemory memory(file_.get(), segment_.lane_offset(slot), segment_.lane_size(),
                             "the lane, twice in a row");
      const std::byte* data = memory.data();
      readers_.push_back(
          {slot, std::move(memory), {segment_.lane(slot), data, segment_.lane_size()}});
      news = true;
    }
  }
  return news;
}

bool LaneReceiver::anything_published() {
  for (const Reader& reader : readers_)
    if (!reader.consumer.is_empty()) return true;
  if (segment_.header().nudges.load(std::memory_order_acquire) != nudges_) return true;
  for (std::uint32_t word = 0; word * 64 < segment_.lanes(); ++word)
    if ((segment_.header().used[word].load(std::memory_order_acquire) & ~known_[word]) != 0)
      return true;
  return false;
}

bool LaneReceiver::worth_spinning() {
  note_cpu(segment_.header().receiver_cpu);
  for (const Reader& reader : readers_)
    if (runs_elsewhere(segment_.lane(reader.slot).cpu)) return true;
  return false;
}

// A sender that waits for room is woken when half of its lane is free, not at every message: else
// the two would take turns, one message each. It looks by itself every 250 ms, so a wake-up that is
// lost, because its `waiting` became visible a moment after our look, costs no more than that.
void LaneReceiver::make_room_known(Reader& reader) {
  wire::Lane& lane = segment_.lane(reader.slot);
  if (lane.waiting.load(std::memory_order_relaxed) == 0) [[likely]]
    return;
  if (reader.consumer.used() > segment_.lane_size() / 2) return;
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
  if (!bell_.is_open()) bell_ = sys::Bell(holding_.bell_path, holding_.mode);
  return readiness_.fd(bell_.fd());
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

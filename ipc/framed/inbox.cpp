#include "ipc/framed/inbox.hpp"

#include <atomic>

#include "ipc/sys/futex.hpp"

namespace ipc::framed {
namespace {

using sys::Place;
using sys::Tenure;

constexpr auto kLookEvery = std::chrono::milliseconds(250);
constexpr auto kBehind = std::chrono::milliseconds(20);  // The coarse clock is, by less than this.

Tenure tenure_of(const sys::Slot& slot) {
  // Acquire: pairs with the sender's release. Whoever sees a goodbye finds in the channel all that
  // was sent before it.
  return Tenure::unpacked(slot.tenure.load(std::memory_order_acquire));
}

// The slot counts deaths modulo 2^24. A difference below zero is none: a newcomer locks its byte
// before it writes itself into the slot, and for that moment an owner whose death has been told
// already looks alive again.
std::uint32_t deaths_between(std::uint32_t told, std::uint32_t seen) {
  const std::uint32_t difference = (seen - told) & 0xffffff;
  return difference < 0x800000 ? difference : 0;
}

void wake_waiting(sys::Slot& slot) {
  slot.bell.fetch_add(1, std::memory_order_relaxed);
  sys::wake_futex(slot.bell, "the sender waits until its messages are taken");
}

// Acquire: if this is the pid of a later owner, the tenure is seen to be that one's as well.
std::optional<pid_t> claimed_pid(const sys::Slot& slot, std::uint32_t generation) {
  const pid_t pid = slot.pid.load(std::memory_order_acquire);
  if (pid == 0 || tenure_of(slot).generation != generation) return std::nullopt;
  return pid;
}

bool is_nudge(const wire::Frame& frame) {
  return (frame.flags & wire::kNudge) != 0;
}

}  // namespace

Inbox::Inbox(Terms terms)
    : terms_(std::move(terms)),
      count_(static_cast<std::uint32_t>(terms_.slots.size())),
      senders_(terms_.slots.size()) {
  // What a receiver before us has told of a durable object is told.
  for (std::uint32_t i = 0; i < count_; ++i)
    senders_[i].deaths_told = terms_.slots[i].deaths_told.load(std::memory_order_relaxed);
  if (terms_.durable) generations_closed_ = terms_.durable->closed.load(std::memory_order_relaxed);
}

bool Inbox::plausible(const wire::Frame& frame) const {
  if (is_nudge(frame)) return frame.total == 0;
  if (frame.total > terms_.max_message) return false;
  const auto slot = frame.sender % count_;
  const auto generation = frame.sender / count_;
  if (generation == senders_[slot].generation) return generation != 0;
  // A new owner of the slot; an owner from before the last one is in no channel any more.
  return generation > senders_[slot].generation &&
         generation <= tenure_of(terms_.slots[slot]).generation;
}

std::optional<Received> Inbox::accept(const wire::Frame& frame, const Peer& proven) {
  ++frames_since_mark_;
  if (is_nudge(frame)) {
    look_now_ = true;
    return std::nullopt;
  }
  Sender& sender = senders_[frame.sender % count_];
  // The channel keeps its order, so the former owner of the slot has nothing more in it. Its end is
  // told from the slot.
  meet(frame.sender, proven);
  const auto message = sender.assembly.accept(frame);
  if (!message) return std::nullopt;
  shown_ = frame.sender % count_;
  shown_count_ = terms_.durable ? frame.message : sender.consumed + 1;
  return Received{Status::ok, *message, sender.peer};
}

void Inbox::meet(std::uint32_t id, const Peer& proven) {
  const auto slot = id % count_;
  Sender& sender = senders_[slot];
  if (const auto generation = id / count_; generation != sender.generation) {
    retire(sender);
    sender.generation = generation;
    // A receiver before us may have consumed some of this owner's.
    const auto taken = terms_.slots[slot].taken.load(std::memory_order_relaxed);
    sender.consumed = taken >> 32 == generation ? static_cast<std::uint32_t>(taken) : 0;
    sender.peer = {};
    anybody_ = true;
  }
  if (!sender.peer.claimed_pid)
    sender.peer.claimed_pid = claimed_pid(terms_.slots[slot], sender.generation);
  sender.peer.id = id;
  sender.peer.pid = proven.pid;
  sender.peer.uid = proven.uid;
}

Received Inbox::deliver(const Peer& sender, Bytes message) {
  const auto slot = sender.id % count_;
  // Each sender has a channel of its own, so a dead owner's messages may come after the first ones
  // of its successor in the slot. Nobody asks any more how many of those have been taken.
  if (sender.id / count_ < senders_[slot].generation) return {Status::ok, message, sender};
  meet(sender.id, sender);
  shown_ = slot;
  shown_count_ = senders_[slot].consumed + 1;
  return {Status::ok, message, senders_[slot].peer};
}

void Inbox::retire(const Peer& sender, bool unfinished) {
  senders_[sender.id % count_].former.push_back({sender.id / count_, sender, unfinished});
}

void Inbox::consume() {
  sys::Slot& slot = terms_.slots[*shown_];
  Sender& sender = senders_[*shown_];
  sender.consumed = shown_count_;
  slot.taken.store(std::uint64_t{sender.generation} << 32 | sender.consumed,
                   std::memory_order_release);
  if (slot.waiting.load(std::memory_order_relaxed) != 0) [[unlikely]]
    wake_waiting(slot);
  last_shown_ = *shown_;
  shown_.reset();
}

// Before the receiver goes to sleep. Sequentially consistent with the sender's store of `waiting`
// and its look at `taken`: either we see that it waits, or it sees what we have taken. At every
// message, in begin(), that fence would cost more than the rest; there a wait may be overlooked for
// the moment until the next message or this.
void Inbox::wake_overlooked() {
  if (!last_shown_) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  sys::Slot& slot = terms_.slots[*last_shown_];
  if (slot.waiting.load(std::memory_order_relaxed) != 0) wake_waiting(slot);
  last_shown_.reset();
}

bool Inbox::look() {
  // Mostly it is not, and the cheap clock can tell.
  if (!look_now_ && Deadline::Clock::time_point(sys::coarse_now()) + kBehind < next_look_)
    return false;
  const auto now = Deadline::Clock::now();
  if (!look_now_ && now < next_look_) return false;
  look_now_ = false;
  next_look_ = now + kLookEvery;
  bool news = false;
  anybody_ = false;
  generations_seen_ = generations();  // before the locks: who comes later is not overlooked
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Tenure tenure = tenure_of(terms_.slots[i]);
    if (tenure.generation == 0) continue;
    Sender& sender = senders_[i];
    const bool locked = tenure.place == Place::live && terms_.lives(i);
    // Free, but with a new tenure since: then it was the former owner's lock that was free.
    const bool changed = tenure.packed() != tenure_of(terms_.slots[i]).packed();
    const bool over = !locked && !changed;
    if (!over) anybody_ = true;
    const bool dead = over && tenure.place == Place::live;
    const std::uint32_t counted = tenure.unclean + (dead ? 1 : 0);
    // Never less than was told already: see deaths_between().
    const std::uint32_t deaths = sender.deaths_told + deaths_between(sender.deaths_told, counted);
    const bool to_tell =
        deaths != sender.deaths_told || (over && sender.settled != tenure.generation);
    // News also if there is more to tell than at the last look: what belongs to it may still be in
    // the channel.
    if (to_tell && (!sender.marked || deaths != sender.deaths_seen ||
                    tenure.generation != sender.seen || over != sender.seen_over))
      news = true;
    sender.deaths_seen = deaths;
    sender.seen = tenure.generation;
    sender.seen_over = over;
    sender.seen_dead = dead;
    sender.marked = to_tell;
    if (to_tell) marked_ = true;
  }
  // A sender takes its lock first, then nudges, then enters its slot: one that is still on the way
  // keeps the ticks going, or its death in between would be overlooked.
  if (!anybody_) anybody_ = terms_.any_lives();
  if (!anybody_ && generations_seen_ != generations_closed_) {
    news = news || !marked_;
    marked_ = true;
  }
  if (news) {
    frames_since_mark_ = 0;
    ++marks_;
  }
  return news;
}

std::uint32_t Inbox::generations() const {
  std::uint32_t sum = 0;
  for (const sys::Slot& slot : terms_.slots) sum += tenure_of(slot).generation;
  return sum;
}

std::optional<Received> Inbox::overdue() {
  if (auto event = next_event()) return event;
  if (may_look()) (void)look();
  if (!marked_) return std::nullopt;
  const bool passed = frames_since_mark_ > terms_.channel_frames;
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (!senders_[i].marked) continue;
    // The channel keeps its order: who comes after has come, so all of those before have.
    const bool followed = senders_[i].generation > last_over(i);
    if (followed || (terms_.drained ? terms_.drained(i) : passed)) settle_sender(i);
  }
  // Still marked: `closed` may be due, and that is told only of an empty channel.
  return next_event();
}

std::optional<Received> Inbox::settle() {
  wake_overlooked();
  if (marked_) {
    for (std::uint32_t i = 0; i < count_; ++i)
      if (senders_[i].marked) settle_sender(i);
    marked_ = false;
    if (!anybody_ && generations_seen_ != generations_closed_ &&
        generations() == generations_seen_) {
      generations_closed_ = generations_seen_;
      if (terms_.durable)
        terms_.durable->closed.store(generations_closed_, std::memory_order_relaxed);
      events_.push_back({Status::closed});
    }
  }
  return next_event();
}

void Inbox::retire(Sender& sender) {
  sender.former.push_back({sender.generation, sender.peer, sender.assembly.drop()});
}

void Inbox::settle_sender(std::uint32_t index) {
  Sender& sender = senders_[index];
  sys::Slot& slot = terms_.slots[index];
  sender.marked = false;
  if (sender.generation < sender.seen || (sender.generation == sender.seen && sender.seen_over))
    retire(sender);
  if (sender.seen_over) sender.settled = sender.seen;
  // Several owners of the slot may have ended between two looks: the latest ones of those that died
  // are the ones that have not been told. Of owners too long ago we know only how many died.
  const auto ends = sys::Ends::unpacked(slot.ends.load(std::memory_order_acquire));
  const auto owed = sender.deaths_seen - sender.deaths_told;
  std::vector<std::uint32_t> dead;
  for (auto owner = sender.seen; dead.size() < owed && owner > 0; --owner)
    if (owner == sender.seen ? sender.seen_dead : ends.of(owner).value_or(true))
      dead.push_back(owner);
  for (auto owner = dead.rbegin(); owner != dead.rend(); ++owner) {
    Received died{Status::died};
    died.peer.claimed_pid = claimed_pid(slot, *owner);
    for (const Former& former : sender.former)
      if (former.generation == *owner) {
        died.peer = former.peer;
        died.unfinished = died.unfinished || former.unfinished;
      }
    died.peer.id = sys::connection_id(*owner, index, count_);
    events_.push_back(died);
  }
  const auto last = sender.seen_over ? sender.seen : sender.seen - 1;
  std::erase_if(sender.former, [&](const Former& former) { return former.generation <= last; });
  sender.deaths_told = sender.deaths_seen;
  slot.deaths_told.store(sender.deaths_told, std::memory_order_relaxed);
}

std::optional<Received> Inbox::next_event() {
  if (events_.empty()) return std::nullopt;
  const Received event = events_.front();
  events_.pop_front();
  return event;
}

}  // namespace ipc::framed

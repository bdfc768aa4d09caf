#include "ipc/boosted/shelf.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ipc/boosted/name.hpp"
#include "ipc/sys/call.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::boosted {
namespace {

using sys::Tenure;

constexpr unsigned kTurn = 16;  // frames of one place before the next has its turn
// A lock that was not given back within a millisecond: its holder is stopped, or without a processor.
constexpr auto kFirstRest = std::chrono::milliseconds(5);
constexpr auto kLongestRest = std::chrono::milliseconds(200);

Tenure tenure_of(const sys::Slot& slot) {
  // Acquire: pairs with the sender's release. Whoever sees a goodbye finds in the queue all that was
  // sent before it.
  return Tenure::unpacked(slot.tenure.load(std::memory_order_acquire));
}

}  // namespace

Shelf::Shelf(Terms terms)
    : terms_(std::move(terms)), room_(terms_.geometry.message_size), places_(terms_.slots.size()) {}

void Shelf::survey(bool ask) {
  for (std::uint32_t slot = 0; slot < places_.size(); ++slot) {
    const auto generation = tenure_of(terms_.slots[slot]).generation;
    Place& place = places_[slot];
    while (place.generation < generation) place.owners.push_back({++place.generation});
    if (place.owners.empty()) continue;
    if (!place.is_active) {
      place.is_active = true;
      active_.push_back(slot);
    }
    // In this order: what is not there after its owner's end will never be.
    look_for_ends(slot, ask);
    for (Owner& owner : place.owners) {
      if (!owner.queue) open(slot, owner);
      if (!ask) continue;
      owner.is_asked = true;
      owner.is_drained = false;
      owner.taken = 0;
      owner.rests_until = {};
    }
  }
}

// A free lock says that the owner has ended, unless another has come meanwhile: then it was perhaps
// the former one's.
void Shelf::look_for_ends(std::uint32_t slot, bool ask) {
  const auto tenure = tenure_of(terms_.slots[slot]);
  for (Owner& owner : places_[slot].owners) {
    if (owner.is_over) continue;
    if (owner.generation != tenure.generation || tenure.place != sys::Place::live)
      owner.is_over = true;
    else if (ask && !terms_.lives(slot))
      owner.is_over = tenure.packed() == tenure_of(terms_.slots[slot]).packed();
  }
}

void Shelf::open(std::uint32_t slot, Owner& owner) {
  const auto name = queue_name(terms_.object, slot, owner.generation);
  struct stat about {};
  const auto found =
      sys::lstat(queue_path(name), about, "has this sender made its queue, and is it ours?");
  if (found.error == ENOENT) return;
  found.check(queue_path(name));
  // Boost believes what it finds. In /dev/shm everybody may make a file, but nobody replace ours.
  if (!S_ISREG(about.st_mode) || about.st_uid != ::geteuid()) return;
  owner.queue = Queue::open(name);
  if (owner.queue && owner.queue->longest() > room_.size())
    throw Error(Trouble::corrupt, EMSGSIZE, "message_queue " + name + ": takes too long messages");
}

std::optional<Shelf::Taken> Shelf::take() {
  next_try_ = Deadline::Clock::time_point::max();
  // One more than there are places, so that the first is asked again when its turn has ended. Counted
  // now: places that turn out to be empty for good leave the list, and must not end the round early.
  const auto places = active_.size();
  for (std::size_t asked = 0; asked <= places && !active_.empty(); ++asked) {
    current_ %= active_.size();
    const auto slot = active_[current_];
    if (turn_ < kTurn)
      if (auto taken = take_from(slot)) {
        ++turn_;
        return taken;
      }
    turn_ = 0;
    if (places_[slot].owners.empty()) {
      places_[slot].is_active = false;
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(current_));
    } else {
      ++current_;
    }
  }
  return std::nullopt;
}

std::optional<Shelf::Taken> Shelf::take_from(std::uint32_t slot) {
  auto& owners = places_[slot].owners;
  while (!owners.empty()) {
    Owner& owner = owners.front();
    if (owner.queue && !owner.is_lost) {
      if (owner.rest != owner.rest.zero() && owner.rests_until > Deadline::Clock::now()) {
        next_try_ = std::min(next_try_, owner.rests_until);
        return std::nullopt;
      }
      std::size_t size = 0;
      switch (owner.queue->try_receive(room_, size)) {
        case Attempt::done:
          owner.rest = {};
          // More than there was room for has come after the survey, in part.
          if (++owner.taken >= terms_.geometry.messages) owner.is_drained = true;
          tell_room(slot);
          return Taken{Bytes(room_).first(size), slot, owner.generation};
        case Attempt::no:
          owner.rest = {};
          break;
        case Attempt::busy:
          let_rest(owner);
          return std::nullopt;
        case Attempt::broken:
          sys::remark("its owner died with the lock: what is left in the queue is lost");
          owner.is_lost = true;
          break;
      }
    }
    owner.is_drained = true;
    if (!owner.is_over) return std::nullopt;
    drop_first(slot);
  }
  return std::nullopt;
}

// Whoever has the lock of a queue lives, so that there is no end to be told of it yet.
void Shelf::let_rest(Owner& owner) {
  owner.is_drained = true;
  owner.rest = std::clamp(2 * owner.rest, kFirstRest, kLongestRest);
  owner.rests_until = Deadline::Clock::now() + owner.rest;
  next_try_ = std::min(next_try_, owner.rests_until);
}

void Shelf::drop_first(std::uint32_t slot) {
  auto& owners = places_[slot].owners;
  const Owner& owner = owners.front();
  const auto generation = owner.generation;
  if (owner.queue)
    // What cannot be removed now goes with the rest when the receiver ends.
    (void)sys::unlink(queue_path(queue_name(terms_.object, slot, generation)),
                      "its owner has ended, and all that it sent is out");
  owners.pop_front();
  terms_.slots[slot].frames.store(std::uint64_t{generation} << 32, std::memory_order_release);
  tell_room(slot);
}

void Shelf::tell_room(std::uint32_t number) {
  sys::Slot& slot = terms_.slots[number];
  // Sequentially consistent with the sender's store of `room_wanted` and its next attempt: either we
  // see that it wants room, or it finds what we have made.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (slot.room_wanted.load(std::memory_order_relaxed) == 0) return;
  slot.room_wanted.store(0, std::memory_order_relaxed);
  slot.bell.fetch_add(1, std::memory_order_relaxed);
  sys::wake_futex(slot.bell, "the sender in this place waits for room");
}

bool Shelf::drained(std::uint32_t slot) const {
  return std::ranges::all_of(
      places_[slot].owners, [](const Owner& owner) { return !owner.is_asked || owner.is_drained; });
}

}  // namespace ipc::boosted

#include "ipc/sys/occupancy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "ipc/sys/file.hpp"
#include "ipc/sys/futex.hpp"
#include "ipc/sys/lease_file.hpp"

namespace ipc::sys {
namespace {

constexpr auto kLook = std::chrono::milliseconds(250);

}  // namespace

Occupancy::Occupancy(const Path& path, int lease, const LeasePage& page, unsigned priority,
                     const std::function<bool()>& channel_is_empty)
    : max_senders_(page.max_senders), priority_(priority), fork_generation_(fork_generation()) {
  mapping_ = Mapping(lease, lease_size(max_senders_), "keeps the lock when the file is closed");
  // Relaxed: the lock, which the last owner has lost by now, orders this.
  const auto keeps_order = [&] {
    return slot().tenure.load(std::memory_order_relaxed) == 0 ||
           slot().priority.load(std::memory_order_relaxed) >= priority || channel_is_empty();
  };
  // The numbers of connections must not begin anew: our frames would be taken for those of an owner
  // long ago, and dropped.
  const auto has_number = [&] {
    const auto last = Tenure::unpacked(slot().tenure.load(std::memory_order_relaxed)).generation;
    return last < (std::numeric_limits<std::uint32_t>::max() - slot_) / max_senders_;
  };
  bool passed_over = false;
  for (; slot_ < max_senders_; ++slot_) {
    if (!try_lock(lease, kFirstSenderByte + slot_, "the first free slot is ours")) continue;
    const bool is_fresh = has_number();
    if (is_fresh && keeps_order()) break;
    unlock(lease, kFirstSenderByte + slot_,
           is_fresh ? "what its last owner sent could be overtaken"
                    : "it has had as many owners as can be told apart");
    passed_over = passed_over || is_fresh;
  }
  if (slot_ == max_senders_ && passed_over)
    throw Error(Trouble::limit, EUSERS,
                "connect " + path.full() + ": every free one of " + std::to_string(max_senders_) +
                    " places has had a sender of lower priority, whose messages still wait (try "
                    "again, or start the receiver with more: --max-senders)");
  if (slot_ == max_senders_)
    throw Error(Trouble::limit, EUSERS,
                "connect " + path.full() + ": all " + std::to_string(max_senders_) +
                    " places for senders are taken (start the receiver with more: --max-senders)");
  // The same file by another open, even if the name has been given to another by now.
  query_ = Fd(open("/proc/self/fd/" + std::to_string(lease), O_RDWR | O_CLOEXEC, 0,
                   "to ask about the receiver")
                  .check(lease_path_of(path))
                  .fd());
}

void Occupancy::enter() {
  Slot& place = slot();
  const Tenure tenure = succeed(place);
  place.priority.store(priority_, std::memory_order_relaxed);
  place.pid.store(0, std::memory_order_relaxed);  // better unknown than our predecessor's
  // Release: whoever sees the new generation sees no pid of the old one, and how that one ended.
  place.tenure.store(tenure.packed(), std::memory_order_release);
  // Release: whoever sees our pid sees that the slot is ours.
  place.pid.store(::getpid(), std::memory_order_release);
  generation_ = tenure.generation;
  id_ = connection_id(generation_, slot_, max_senders_);
}

void Occupancy::show_pid(pid_t pid) {
  slot().pid.store(pid, std::memory_order_release);
}

bool Occupancy::is_ours() const {
  return mapping_.data() != nullptr && fork_generation_ == fork_generation();
}

void Occupancy::leave() noexcept {
  if (!is_ours() || !has_entered()) return;
  Slot& place = slot();
  Tenure tenure = Tenure::unpacked(place.tenure.load(std::memory_order_relaxed));
  tenure.place = Place::goodbye;
  // Release: pairs with the receiver's acquire. What was put into the channel before is found there
  // by whoever has seen the goodbye.
  place.tenure.store(tenure.packed(), std::memory_order_release);
  remark("goodbye is a store into our slot of the lease; it cannot block");
}

std::uint64_t Occupancy::count_taken(std::uint64_t sent) const {
  const std::uint64_t word = slot().taken.load(std::memory_order_acquire);
  if (word >> 32 != generation_) return 0;
  // The count travels modulo 2^32; what is missing to `sent` is always less than that.
  const auto missing = static_cast<std::uint32_t>(sent) - static_cast<std::uint32_t>(word);
  return sent - missing;
}

std::uint64_t Occupancy::taken(std::uint64_t sent, std::uint64_t want, Deadline deadline,
                               const std::function<bool()>& lives) {
  Slot& place = slot();
  std::uint64_t count = count_taken(sent);
  while (count < want && !deadline.expired() && lives()) {
    const auto bell = place.bell.load(std::memory_order_relaxed);
    // Sequentially consistent with the receiver's store of `taken` and its look at `waiting`:
    // either it sees that we wait, or we see what it has taken.
    place.waiting.store(1, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    count = count_taken(sent);
    if (count < want)
      wait_futex(place.bell, bell, std::min(deadline, Deadline::after(kLook)),
                 "until the receiver has taken more");
    place.waiting.store(0, std::memory_order_relaxed);
    count = count_taken(sent);
  }
  return count;
}

}  // namespace ipc::sys

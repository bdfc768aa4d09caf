#include "ipc/sys/signal_quota.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include "ipc/sys/futex.hpp"
#include "ipc/sys/signal.hpp"

namespace ipc::sys {
namespace {

constexpr std::size_t kMostUnderWay = 1024;
constexpr std::size_t kShareOfUser = 8;
// Signals between two looks at how many senders there are.
constexpr std::uint32_t kDivideEvery = 256;

}  // namespace

std::uint32_t signal_quota_here() {
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(pending_limit() / kShareOfUser, 1, kMostUnderWay));
}

void refuse_signal(const Result& failed, int number) {
  const auto name = signal_name(number);
  if (failed.error == EPERM)
    throw Error(Trouble::failed, EPERM,
                "pidfd_send_signal " + name +
                    ": signals go to processes of the same user only, or from root");
  if (failed.error == EAGAIN)
    throw Error(Trouble::limit, EAGAIN,
                "pidfd_send_signal " + name +
                    ": other programs of the receiver's user have used up its queue of signals "
                    "(RLIMIT_SIGPENDING, here " +
                    std::to_string(pending_limit()) +
                    ", for all processes of the user): end them, or raise it with ulimit -i");
  throw Error("pidfd_send_signal", name, failed.error);
}

SignalTally::SignalTally(std::span<Slot> slots, SignalQuota& quota)
    : slots_(slots), quota_(quota), owners_(slots.size()) {}

void SignalTally::enter(std::uint32_t slot, std::uint32_t generation) {
  owners_[slot] = {generation, 0};
}

void SignalTally::count(std::uint32_t number) {
  Slot& slot = slots_[number];
  Owner& owner = owners_[number];
  ++owner.taken;
  slot.frames.store(std::uint64_t{owner.generation} << 32 | owner.taken, std::memory_order_release);
  // Sequentially consistent with the sender's store of `room_wanted` and its look at `frames`.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (slot.room_wanted.load(std::memory_order_relaxed) == 0) return;
  const auto at = slot.room_at.load(std::memory_order_relaxed);
  if (static_cast<std::int32_t>(owner.taken - at) < 0) return;
  slot.room_wanted.store(0, std::memory_order_relaxed);
  slot.bell.fetch_add(1, std::memory_order_relaxed);
  wake_futex(slot.bell, "half of what it had under way is taken: a waiting sender may go on");
}

bool SignalShare::has_room() {
  if (under_way() >= share_) divide();
  return under_way() < share_;
}

void SignalShare::count() {
  if (++sent_ % kDivideEvery == 0) divide();
}

std::uint32_t SignalShare::under_way() const {
  const auto word = seat_.slot().frames.load(std::memory_order_acquire);
  const bool ours = word >> 32 == seat_.id() / seat_.max_senders();
  return sent_ - (ours ? static_cast<std::uint32_t>(word) : 0);
}

void SignalShare::divide() {
  std::uint32_t live = 0;
  for (const Slot& slot : seat_.slots()) live += SignalTally::is_live(slot) ? 1u : 0u;
  live -= std::min(live, quota_.dead.load(std::memory_order_relaxed));
  share_ = std::max<std::uint32_t>(quota_.limit / std::max<std::uint32_t>(live, 1), 1);
}

void SignalShare::wait(Deadline deadline) {
  Slot& slot = seat_.slot();
  const auto bell = slot.bell.load(std::memory_order_relaxed);
  const auto before = under_way();
  slot.room_at.store(sent_ - std::min(before, share_) / 2, std::memory_order_relaxed);
  slot.room_wanted.store(1, std::memory_order_relaxed);
  // Sequentially consistent with the receiver's count(): it sees that we want room, or we see what
  // it has taken. What it has taken since we last looked for room, perhaps all, it tells no more.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (before >= share_ && under_way() == before)
    wait_futex(slot.bell, bell, std::min(deadline, Deadline::after(Seat::kLook)),
               "enough signals are under way: until the receiver has taken half of them");
  slot.room_wanted.store(0, std::memory_order_relaxed);
}

void SignalShare::nap(Deadline deadline) {
  auto& bell = seat_.slot().bell;
  wait_futex(
      bell, bell.load(std::memory_order_relaxed), deadline,
      "others have used up the user's queue of signals, and nobody tells when there is room");
}

}  // namespace ipc::sys

#include "ipc/sync/word_lock.hpp"

#include "ipc/sys/futex.hpp"

namespace ipc::sync {
namespace {

constexpr std::uint64_t kHolder = 0xffff;
constexpr std::uint64_t kContended = 1U << 16;
constexpr std::uint64_t kForsaken = 1U << 17;
constexpr auto kGrace = std::chrono::milliseconds(100);
constexpr auto kWhy = "until its holder gives it back; now and then we ask whether that lives";

std::uint64_t signed_by(Identity who) {
  return who.generation << 32 | (who.slot + 1);
}

Identity signer_of(std::uint64_t word) {
  if ((word & kHolder) == 0) return {};
  return {static_cast<std::uint32_t>(word & kHolder) - 1, word >> 32};
}

Outcome take_slowly(std::atomic<std::uint64_t>& word, const Party& party, Deadline deadline,
                    Stops stops) {
  // Once we have slept we cannot know whether others still do, so we take the lock as contended.
  std::uint64_t ours = signed_by(party.identity());
  Looks looks;
  for (;;) {
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    if ((seen & kHolder) == 0) {
      // Acquire, here and below: we see what the last holder did before it gave the lock back, or
      // before it died; the kernel's lock, which we have seen free, orders that.
      if (word.compare_exchange_weak(seen, ours, std::memory_order_acquire,
                                     std::memory_order_relaxed))
        return seen & kForsaken ? Outcome::owner_died : Outcome::ok;
      continue;
    }
    if ((seen & kContended) == 0) {
      if (!word.compare_exchange_weak(seen, seen | kContended, std::memory_order_relaxed)) continue;
      seen |= kContended;
    }
    const bool expired = deadline.expired() || (stops == Stops::heeded && party.is_stopped());
    if ((expired || looks.are_due()) && !party.lives(signer_of(seen))) {
      if (word.compare_exchange_strong(seen, ours | kContended, std::memory_order_acquire,
                                       std::memory_order_relaxed))
        return Outcome::owner_died;
      continue;
    }
    if (expired) return Outcome::timed_out;
    auto& low = sys::low_half(word);
    const auto low_seen = static_cast<std::uint32_t>(seen);
    if (stops == Stops::heeded)
      party.sleep(low, low_seen, looks.until(deadline), kWhy);
    else
      sys::wait_futex(low, low_seen, looks.until(deadline), kWhy);
    ours |= kContended;
  }
}

void leave_word(std::atomic<std::uint64_t>& word, std::uint64_t next) {
  // Release: pairs with the acquire of the next holder.
  if (word.exchange(next, std::memory_order_release) & kContended)
    sys::wake_some_futex(sys::low_half(word), 1, "somebody may be waiting for the lock");
}

}  // namespace

Outcome take(std::atomic<std::uint64_t>& word, const Party& party, Deadline deadline, Stops stops) {
  std::uint64_t free = 0;
  if (word.compare_exchange_strong(free, signed_by(party.identity()), std::memory_order_acquire,
                                   std::memory_order_relaxed))
    return Outcome::ok;
  return take_slowly(word, party, deadline, stops);
}

void give(std::atomic<std::uint64_t>& word) {
  leave_word(word, 0);
}

void forsake(std::atomic<std::uint64_t>& word) {
  leave_word(word, kForsaken);
}

Identity holder_of(const std::atomic<std::uint64_t>& word) {
  return signer_of(word.load(std::memory_order_relaxed));
}

Turn::Turn(const Party& party, Deadline deadline)
    : word_(party.page().lock),
      has_(take(word_, party, std::max(deadline, Deadline::after(kGrace)), Stops::ignored) !=
           Outcome::timed_out) {}

void Turn::end() {
  if (std::exchange(has_, false)) give(word_);
}

}  // namespace ipc::sync

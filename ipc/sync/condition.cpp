#include "ipc/sync/condition.hpp"

#include <algorithm>
#include <cerrno>

#include "ipc/sys/error.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::sync {
namespace {

// Relaxed unless something is said: all changes are made in turn, and that orders them.
constexpr auto kRelaxed = std::memory_order_relaxed;

Terms terms() {
  Terms terms;
  terms.kind = Kind::condition;
  return terms;
}

}  // namespace

Condition::Condition(const std::string& name, const Options& options)
    : party_(name, terms(), options) {}

Condition::Told Condition::wait(Mutex& mutex, Deadline deadline) {
  party_.check();
  if (!mutex.is_held())
    throw Error(Trouble::invalid, EPERM,
                "wait " + party_.path().full() + ": this handle does not have the mutex");
  const std::uint32_t bell = enter();
  const unsigned depth = mutex.release();
  const Outcome outcome = sleep(bell, deadline);
  return {outcome, mutex.retake(depth)};
}

Outcome Condition::wait(Deadline deadline) {
  party_.check();
  return sleep(enter(), deadline);
}

// Takes a ticket; from then on we are notified. Returns what to sleep on.
std::uint32_t Condition::enter() {
  auto& state = party_.state<ConditionState>();
  const Turn turn(party_);
  // What was for those who have died since is not for us.
  if (const auto pending = state.pending.load(kRelaxed); pending > 0)
    state.pending.store(std::min(pending, static_cast<std::uint32_t>(living(queue()).size())),
                        kRelaxed);
  const std::uint64_t ticket = state.tickets.load(kRelaxed) + 1;
  state.tickets.store(ticket, kRelaxed);
  const std::uint32_t bell = party_.slot().bell.load(kRelaxed);
  // Release: a death after this must have shown what stands before it.
  party_.slot().word.store(ticket, std::memory_order_release);
  party_.check();
  return bell;
}

Outcome Condition::sleep(std::uint32_t bell, Deadline deadline) {
  auto& pending = party_.state<ConditionState>().pending;
  Slot& slot = party_.slot();
  for (;;) {
    party_.sleep(slot.bell, bell, std::min(deadline, Deadline::after(kLook)),
                 "until we are notified; now and then we look whether one before us has died");
    const bool expired = deadline.expired() || party_.is_stopped();
    // Acquire: pairs with the release of the one who rings; with its ring we see what it rings for.
    bell = slot.bell.load(std::memory_order_acquire);
    if (!expired && pending.load(kRelaxed) == 0) continue;
    const Turn turn(party_);
    if (const auto count = pending.load(kRelaxed); may_go(count)) {
      // In this order: who dies in between has left the queue, and the notification to it.
      slot.word.store(0, kRelaxed);
      pending.store(count - 1, std::memory_order_release);
      party_.check();
      return Outcome::ok;
    }
    if (!expired) continue;
    slot.word.store(0, kRelaxed);
    return Outcome::timed_out;
  }
}

// Whether we are among the so many oldest of the living.
bool Condition::may_go(std::uint32_t pending) const {
  if (pending == 0) return false;
  const auto all = queue();
  const auto own = std::ranges::find(all, party_.identity().slot,
                                     [](const Entry& entry) { return entry.who.slot; });
  if (own - all.begin() < pending) return true;
  // The kernel is asked only if with the dead there are too many before us.
  return std::count_if(all.begin(), own,
                       [&](const Entry& entry) { return party_.lives(entry.who); }) < pending;
}

bool Condition::notify_one() {
  party_.check();
  Slot* chosen = nullptr;
  {
    const Turn turn(party_);
    auto& pending = party_.state<ConditionState>().pending;
    const auto count = pending.load(kRelaxed);
    std::uint32_t before = 0;
    for (const Entry& entry : queue()) {
      if (!party_.lives(entry.who)) continue;
      if (before++ < count) continue;
      chosen = &party_.slot(entry.who);
      break;
    }
    party_.check();
    if (chosen == nullptr) return false;
    pending.store(count + 1, kRelaxed);
    chosen->bell.fetch_add(1, std::memory_order_release);
  }
  sys::wake_futex(chosen->bell, "this one has waited longest");
  return true;
}

std::uint32_t Condition::notify_all() {
  party_.check();
  std::vector<Entry> chosen;
  std::uint32_t before = 0;
  {
    const Turn turn(party_);
    auto& pending = party_.state<ConditionState>().pending;
    before = pending.load(kRelaxed);
    chosen = living(queue());
    pending.store(static_cast<std::uint32_t>(chosen.size()), kRelaxed);
    for (const Entry& entry : chosen)
      party_.slot(entry.who).bell.fetch_add(1, std::memory_order_release);
  }
  for (const Entry& entry : chosen)
    sys::wake_futex(party_.slot(entry.who).bell, "all who wait may go");
  party_.check();
  const auto all = static_cast<std::uint32_t>(chosen.size());
  return all - std::min(all, before);
}

std::uint32_t Condition::waiting() {
  party_.check();
  const Turn turn(party_);
  const auto all = static_cast<std::uint32_t>(living(queue()).size());
  const auto pending = party_.state<ConditionState>().pending.load(kRelaxed);
  party_.check();
  return all - std::min(all, pending);
}

// All who wait, the longest first.
std::vector<Entry> Condition::queue() const {
  auto all = party_.entries();
  std::ranges::sort(all, {}, &Entry::word);
  return all;
}

std::vector<Entry> Condition::living(std::vector<Entry> all) const {
  std::erase_if(all, [&](const Entry& entry) { return !party_.lives(entry.who); });
  return all;
}

}  // namespace ipc::sync

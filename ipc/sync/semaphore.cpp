#include "ipc/sync/semaphore.hpp"

#include <algorithm>
#include <cerrno>

#include "ipc/sys/error.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::sync {
namespace {

// Relaxed unless something is said: who takes permits does it in turn, and that orders them. What
// others do meanwhile, out of turn, can only add to what is to be had.
constexpr auto kRelaxed = std::memory_order_relaxed;

Terms terms(Permits permits, Found found) {
  if (permits.most == 0 || permits.most > kMostPermits || permits.initial > permits.most)
    throw Error(Trouble::invalid, EINVAL,
                std::to_string(permits.initial) + " permits of at most " +
                    std::to_string(permits.most) + ": must be at most that, and that from 1 to " +
                    std::to_string(kMostPermits));
  Terms terms;
  terms.kind = Kind::semaphore;
  terms.numbers = {permits.initial, permits.most};
  terms.names = {"permits", "permits at most"};
  terms.any_numbers = found == Found::as_it_is;
  terms.state = permits.initial;
  return terms;
}

}  // namespace

Semaphore::Semaphore(const std::string& name, Permits permits, const Options& options, Found found)
    : party_(name, terms(permits, found), options) {}

Semaphore::~Semaphore() {
  if (!party_.is_ours() || held_ == 0) return;
  party_.slot().word.store(0, std::memory_order_release);
  tell(held_);
}

Outcome Semaphore::acquire(Deadline deadline) {
  return take(deadline, false);
}

Outcome Semaphore::consume(Deadline deadline) {
  return take(deadline, true);
}

Outcome Semaphore::take(Deadline deadline, bool for_good) {
  party_.check();
  auto& state = party_.state<SemaphoreState>();
  Slot& slot = party_.slot();
  Looks looks;
  for (;;) {
    const bool expired = deadline.expired() || party_.is_stopped();
    std::uint32_t changes = 0;
    {
      const Turn turn(party_, deadline);
      if (!turn) break;
      bool can_be_had = available() > 0;
      if (!can_be_had) {
        slot.word.store(held_ | kWaits, kRelaxed);
        // Acquire: what is added after this is seen below, or changes the word that we sleep on.
        changes = state.changes.load(std::memory_order_acquire);
        // Pairs with the one in tell(): either we see what has been added, or it sees that we wait.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (expired || looks.are_due()) give_back_of_the_dead();
        can_be_had = available() > 0;
      }
      if (can_be_had && for_good) {
        slot.word.store(held_, kRelaxed);
        // Release: a death here must not show the later store without the earlier one.
        state.permits.fetch_sub(1, std::memory_order_release);
      } else if (can_be_had) {
        slot.word.store(++held_, std::memory_order_release);
      }
      if (can_be_had) {
        // Several may have become free while one was woken.
        if (available() > 0) tell(1);
        party_.check();
        return Outcome::ok;
      }
    }
    if (expired) break;
    party_.sleep(state.changes, changes, looks.until(deadline),
                 "until there is a permit; now and then we ask whether their holders live");
  }
  slot.word.store(held_, kRelaxed);
  party_.check();
  return Outcome::timed_out;
}

void Semaphore::release() {
  party_.check();
  if (held_ == 0)
    throw Error(Trouble::invalid, EPERM,
                "release " + party_.path().full() + ": this handle holds no permit");
  // Release: who takes the permit sees what was done under it.
  party_.slot().word.store(--held_, std::memory_order_release);
  tell(1);
  party_.check();
}

void Semaphore::post(std::uint32_t count) {
  party_.check();
  auto& permits = party_.state<SemaphoreState>().permits;
  const std::uint32_t most = party_.page().numbers[1];
  std::uint32_t exist = permits.load(kRelaxed);
  do {
    if (count > most - exist)
      throw Error(Trouble::limit, EOVERFLOW,
                  "post " + party_.path().full() + ": of at most " + std::to_string(most) +
                      " permits there are " + std::to_string(exist) +
                      ", those included that somebody holds");
  } while (
      !permits.compare_exchange_weak(exist, exist + count, std::memory_order_release, kRelaxed));
  tell(count);
  party_.check();
}

std::uint32_t Semaphore::value() {
  party_.check();
  const Turn turn(party_);
  give_back_of_the_dead();
  const std::uint32_t value = available();
  party_.check();
  return value;
}

Permits Semaphore::permits() const {
  return {party_.page().numbers[0], party_.page().numbers[1]};
}

// Those of the dead count as held until somebody gives them back. Acquire: pairs with the release of
// whoever has given a permit.
std::uint32_t Semaphore::available() const {
  std::uint32_t exist = party_.state<SemaphoreState>().permits.load(std::memory_order_acquire);
  for (const Slot& slot : party_.slots())
    exist -= static_cast<std::uint32_t>(slot.word.load(std::memory_order_acquire));
  return exist;
}

void Semaphore::give_back_of_the_dead() const {
  for (const Entry& entry : party_.entries())
    if (static_cast<std::uint32_t>(entry.word) != 0 && !party_.lives(entry.who))
      party_.slot(entry.who).word.store(0, kRelaxed);
}

// Wakes as many as can take something now, if anybody waits.
void Semaphore::tell(std::uint32_t count) const {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (std::ranges::none_of(party_.slots(), [](const Slot& slot) {
        return (slot.word.load(kRelaxed) & kWaits) != 0;
      }))
    return;
  auto& changes = party_.state<SemaphoreState>().changes;
  changes.fetch_add(1, std::memory_order_release);
  sys::wake_some_futex(changes, static_cast<int>(count), "somebody waits for a permit");
}

}  // namespace ipc::sync

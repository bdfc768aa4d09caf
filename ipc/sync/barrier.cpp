#include "ipc/sync/barrier.hpp"

#include <algorithm>
#include <cerrno>

#include "ipc/sys/error.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::sync {
namespace {

// Relaxed unless something is said: all changes are made in turn, and that orders them.
constexpr auto kRelaxed = std::memory_order_relaxed;

Terms terms(std::uint32_t count, const Options& options) {
  if (count == 0 || count > options.max_parties)
    throw Error(Trouble::invalid, EINVAL,
                "a barrier for " + std::to_string(count) + ": must be from 1 to max_parties, " +
                    std::to_string(options.max_parties));
  Terms terms;
  terms.kind = Kind::barrier;
  terms.numbers = {count, 0};
  terms.names = {"places", ""};
  return terms;
}

std::uint64_t mark_of(std::uint32_t round) {
  return kWaits | round;
}

}  // namespace

Barrier::Barrier(const std::string& name, std::uint32_t count, const Options& options)
    : party_(name, terms(count, options), options) {}

Barrier::Met Barrier::wait(Deadline deadline) {
  party_.check();
  auto& round = party_.state<BarrierState>().round;
  auto& mark = party_.slot().word;
  const std::uint32_t wanted = party_.page().numbers[0];
  std::uint32_t ours = 0;
  {
    const Turn turn(party_, deadline);
    if (!turn) return {Outcome::timed_out};
    ours = round.load(kRelaxed);
    mark.store(mark_of(ours), kRelaxed);
    // The kernel is asked who lives only if with the dead there were enough.
    if (count(mark_of(ours), false) >= wanted && count(mark_of(ours), true) >= wanted) {
      mark.store(0, kRelaxed);
      sys::add_and_wake(round, 1,
                        "all are here: the round is over and all woken, by this one call");
      party_.check();
      return {Outcome::ok, true};
    }
  }
  for (;;) {
    party_.sleep(round, ours, deadline, "until all are here");
    // Acquire: pairs with the system call above, which orders all; what anybody did before it came
    // is seen by all whom it lets go, through the turns.
    if (round.load(std::memory_order_acquire) != ours) break;
    if (!deadline.expired() && !party_.is_stopped()) continue;
    // In turn, so that either the last one counts us or we have left before.
    const Turn turn(party_);
    if (round.load(std::memory_order_acquire) != ours) break;
    mark.store(0, kRelaxed);
    party_.check();
    return {Outcome::timed_out};
  }
  mark.store(0, kRelaxed);
  party_.check();
  return {Outcome::ok};
}

std::uint32_t Barrier::waiting() {
  party_.check();
  const Turn turn(party_);
  const auto all = count(mark_of(party_.state<BarrierState>().round.load(kRelaxed)), true);
  party_.check();
  return all;
}

std::uint32_t Barrier::count(std::uint64_t mark, bool living) const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(party_.entries(), [&](const Entry& entry) {
        return entry.word == mark && (!living || party_.lives(entry.who));
      }));
}

}  // namespace ipc::sync

#include "ipc/sync/timer.hpp"

#include <cerrno>
#include <optional>

#include "ipc/sys/error.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::sync {
namespace {

using std::chrono::nanoseconds;

Terms terms() {
  Terms terms;
  terms.kind = Kind::timer;
  return terms;
}

std::int64_t count_of(Timer::Clock::time_point when) {
  return std::chrono::duration_cast<nanoseconds>(when.time_since_epoch()).count();
}

std::int64_t now() {
  return count_of(Timer::Clock::now());
}

// The first moment after `from` at which the timer is due.
std::optional<std::int64_t> next_after(std::int64_t from, std::int64_t due, std::int64_t period) {
  if (due > from) return due;
  if (period == 0) return std::nullopt;  // off, or it has been
  return due + ((from - due) / period + 1) * period;
}

void check(nanoseconds period) {
  if (period.count() < 0)
    throw Error(Trouble::invalid, EINVAL, "a timer's period must not be negative");
}

}  // namespace

Timer::Timer(const std::string& name, const Options& options) : party_(name, terms(), options) {}

void Timer::start(Clock::time_point due, nanoseconds period) {
  party_.check();
  check(period);
  const Turn turn(party_);
  put(count_of(due), period.count());
}

bool Timer::start_if_off(Clock::time_point due, nanoseconds period) {
  party_.check();
  check(period);
  const Turn turn(party_);
  const Setting before = setting();
  if (next_after(now(), before.due, before.period)) return false;
  put(count_of(due), period.count());
  return true;
}

void Timer::stop() {
  party_.check();
  const Turn turn(party_);
  put(0, 0);
}

bool Timer::is_running() const {
  party_.check();
  const Setting set = setting();
  return next_after(now(), set.due, set.period).has_value();
}

Outcome Timer::wait(Deadline deadline) {
  party_.check();
  const std::int64_t begin = now();
  for (;;) {
    const Setting set = setting();
    const auto due = next_after(begin, set.due, set.period);
    if (due && *due <= now()) return Outcome::ok;
    if (deadline.expired() || party_.is_stopped()) return Outcome::timed_out;
    const Deadline until = due ? Deadline::at(Clock::time_point(nanoseconds(*due))) : deadline;
    party_.sleep(party_.state<TimerState>().version, set.version, std::min(until, deadline),
                 "until it is due or set anew");
  }
}

// The setting in force is not written to before two more have been made; so what is read here is of
// one piece if the version is still the same afterwards.
Timer::Setting Timer::setting() const {
  const auto& state = party_.state<TimerState>();
  for (;;) {
    // Acquire: pairs with put(), whose system call comes after its stores.
    const auto version = state.version.load(std::memory_order_acquire);
    const auto& set = state.settings[version % 2];
    const Setting copy{version, set.due.load(std::memory_order_relaxed),
                       set.period.load(std::memory_order_relaxed)};
    std::atomic_thread_fence(std::memory_order_acquire);
    if (state.version.load(std::memory_order_relaxed) != version) continue;
    party_.check();
    if (copy.due < 0 || copy.period < 0)
      throw Error(Trouble::corrupt, EINVAL,
                  "use " + party_.path().full() + ": somebody has overwritten it");
    return copy;
  }
}

// In turn. Who dies before the last line has changed nothing that anybody reads.
void Timer::put(std::int64_t due, std::int64_t period) {
  auto& state = party_.state<TimerState>();
  auto& next = state.settings[(state.version.load(std::memory_order_relaxed) + 1) % 2];
  next.due.store(due, std::memory_order_release);
  next.period.store(period, std::memory_order_release);
  sys::add_and_wake(state.version, 1, "set anew, and all woken, by this one call");
  party_.check();
}

}  // namespace ipc::sync

#include "ipc/sync/event.hpp"

#include "ipc/sys/call.hpp"
#include "ipc/sys/futex.hpp"

namespace ipc::sync {
namespace {

constexpr std::uint32_t kSet = 1;

Terms terms() {
  Terms terms;
  terms.kind = Kind::event;
  return terms;
}

}  // namespace

Event::Event(const std::string& name, const Options& options) : party_(name, terms(), options) {}

void Event::set() {
  party_.check();
  auto& word = party_.state<EventState>().word;
  // Sequentially consistent, as the call below is: what was done before set() is seen by whoever
  // sees it set, and set() after clear() in another process is not taken for the one before.
  if ((word.load() & kSet) != 0)
    sys::remark("it is set already; nobody can be waiting");
  else
    sys::set_bits_and_wake(word, kSet, "it has happened: set, and all woken, by this one call");
  party_.check();
}

void Event::clear() {
  party_.check();
  auto& word = party_.state<EventState>().word;
  std::uint32_t seen = word.load();
  // Adding 1 to a word with bit 0 set clears that and counts above it, so that somebody who slept
  // through both set and clear finds another word than he went to sleep on.
  while ((seen & kSet) != 0 && !word.compare_exchange_weak(seen, seen + 1)) {
  }
  party_.check();
}

bool Event::is_set() const {
  party_.check();
  const std::uint32_t word = party_.state<EventState>().word.load();
  party_.check();
  return (word & kSet) != 0;
}

Outcome Event::wait(Deadline deadline) {
  party_.check();
  auto& word = party_.state<EventState>().word;
  const std::uint32_t before = word.load();
  for (;;) {
    const std::uint32_t now = word.load();
    party_.check();
    if ((before & kSet) != 0 || now != before) return Outcome::ok;
    if (deadline.expired() || party_.is_stopped()) return Outcome::timed_out;
    party_.sleep(word, before, deadline, "until it happens");
  }
}

}  // namespace ipc::sync

// The event: set, cleared, awaited.
#include "ipc/sync/event.hpp"

#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::sync::Event;
using ipc::sync::Outcome;

TEST_CASE_FIXTURE(Case, "a set event lets all go who wait, and all who come, until it is cleared") {
  Event event("demo");
  CHECK_FALSE(event.is_set());
  CHECK(event.wait(Deadline::at_once()) == Outcome::timed_out);
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(Child::run([] {
      Event its("demo");
      return its.wait() == Outcome::ok ? 0 : 1;
    }));
  for (const auto& child : children) wait_until_asleep(child.pid());
  event.set();
  for (auto& child : children) CHECK(child.wait() == 0);
  CHECK(event.is_set());
  CHECK(event.wait(Deadline::at_once()) == Outcome::ok);
  event.set();
  event.clear();
  CHECK_FALSE(event.is_set());
  CHECK(event.wait(Deadline::at_once()) == Outcome::timed_out);
  event.clear();
}

TEST_CASE_FIXTURE(Case, "who slept while it was set and cleared again has not missed it") {
  Event event("demo");
  for (int i = 0; i < 50; ++i) {
    Child waiter = Child::run([] {
      Event its("demo");
      return its.wait(Deadline::after(kPatience)) == Outcome::ok ? 0 : 1;
    });
    wait_until_asleep(waiter.pid());
    event.set();
    event.clear();
    CHECK(waiter.wait() == 0);
    CHECK_FALSE(event.is_set());
  }
}

TEST_CASE_FIXTURE(Case, "it stays set when nobody uses it, and is nothing once it is cleared") {
  const auto alone = [](void (Event::*act)()) {
    Child child = Child::run([act] {
      (Event("demo").*act)();
      return 0;
    });
    CHECK(child.wait() == 0);
  };
  alone(&Event::set);
  CHECK(entries().size() == 1);
  CHECK(Event("demo").is_set());
  CHECK(entries().size() == 1);
  alone(&Event::clear);
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(Case, "a deadline is kept, and never early") {
  Event event("demo");
  for (const auto span : {0ms, 1ms, 20ms, 130ms}) {
    const Stopwatch watch;
    CHECK(event.wait(Deadline::after(span)) == Outcome::timed_out);
    CHECK(watch.elapsed() >= span);
    CHECK(watch.of_ours() < span + 40ms);
  }
}

TEST_CASE_FIXTURE(Case, "who waits for an event does not wake up before it") {
  Event event("demo");
  Child waiter = Child::run([] {
    Event its("demo");
    return its.wait() == Outcome::ok ? 0 : 1;
  });
  wait_until_asleep(waiter.pid());
  const auto before = sleeps_of(waiter.pid());
  std::this_thread::sleep_for(500ms);
  CHECK(sleeps_of(waiter.pid()) == before);
  event.set();
  CHECK(waiter.wait() == 0);
  event.clear();
}

TEST_CASE_FIXTURE(Case,
                  "killed after any instruction, one who sets it has woken all or set nothing") {
  Event event("demo");
  Child waiter;
  std::uint32_t undone = 0;
  const auto steps = kill_at_each_step(
      80,
      [&] {
        if (waiter.is_running()) return;  // the last one has set nothing
        waiter = Child::run([] {
          Event its("demo");
          return its.wait() == Outcome::ok ? 0 : 1;
        });
        wait_until_asleep(waiter.pid());
      },
      []() -> std::function<void()> {
        const auto its = std::make_shared<Event>("demo");
        return [its] { its->set(); };
      },
      [&](bool through) {
        CHECK((event.is_set() || !through));
        if (!event.is_set()) {
          ++undone;
          return;
        }
        // Nobody else wakes it: it has to be awake already.
        CHECK(ends_within(waiter, kAtOnce));
        event.clear();
      });
  MESSAGE(steps << " instructions, " << undone << " times nothing");
  CHECK(undone > 0);
  event.set();
  if (waiter.is_running()) CHECK(waiter.wait() == 0);
  event.clear();
}

TEST_CASE_FIXTURE(Case, "killed at random, those who set, clear and await it harm nobody") {
  const auto killed = storm(5, 500ms, [] {
    Event its("demo");
    for (int i = 0; i < 100; ++i) {
      its.set();
      (void)its.wait(Deadline::after(10ms));  // another may clear it before we come to it
      its.clear();
    }
  });
  MESSAGE(killed << " killed");
  Event event("demo");
  event.set();
  CHECK(event.wait(Deadline::at_once()) == Outcome::ok);
  event.clear();
}

}  // namespace
}  // namespace sync_test

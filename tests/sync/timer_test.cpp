// The timer: due once or again and again, for all at the same moment.
#include "ipc/sync/timer.hpp"

#include <algorithm>

#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::Trouble;
using ipc::sync::Outcome;
using ipc::sync::Timer;
using Clock = Timer::Clock;

TEST_CASE_FIXTURE(Case, "all who wait go on when it is due, not before, and about at once") {
  struct Times {
    std::array<std::atomic<std::int64_t>, 4> at{};
  };
  Shared<Times> times;
  Timer timer("demo");
  std::vector<Child> children;
  for (auto& at : times->at)
    children.push_back(Child::run([&at] {
      Timer its("demo");
      expect(its.wait(Deadline::after(kPatience)) == Outcome::ok, "wait");
      at = Clock::now().time_since_epoch().count();
      return 0;
    }));
  for (const auto& child : children) wait_until_asleep(child.pid());
  const auto due = Clock::now() + 100ms;
  timer.start(due);
  CHECK(timer.is_running());
  for (auto& child : children) CHECK(child.wait() == 0);
  for (const auto& at : times->at) {
    CHECK(at.load() >= due.time_since_epoch().count());
    CHECK(at.load() < (due + 50ms).time_since_epoch().count());
  }
  CHECK_FALSE(timer.is_running());
  CHECK(timer.wait(Deadline::after(5ms)) == Outcome::timed_out);
}

TEST_CASE_FIXTURE(Case, "with a period it is due again and again, without drift") {
  Timer timer("demo");
  const auto begin = Clock::now();
  timer.start(begin + 10ms, 20ms);
  Clock::duration least = 20ms;  // lateness of the latter half: a drift would be in all of it
  for (int i = 0; i < 10; ++i) {
    CHECK(timer.wait() == Outcome::ok);
    const Clock::duration late = (Clock::now() - begin - 10ms) % 20ms;
    CHECK(late < 15ms);
    if (i >= 5) least = std::min(least, late);
  }
  CHECK(least < 5ms);
  CHECK(Clock::now() >= begin + 190ms);
  CHECK(timer.is_running());
  timer.stop();
  CHECK_FALSE(timer.is_running());
}

TEST_CASE_FIXTURE(Case, "who waits heeds a new setting at once, and a stop") {
  Timer timer("demo");
  timer.start(Clock::now() + 1h);
  Child waiter = Child::run([] {
    Timer its("demo");
    return its.wait(Deadline::after(kPatience)) == Outcome::ok ? 0 : 1;
  });
  wait_until_asleep(waiter.pid());
  timer.stop();
  std::this_thread::sleep_for(30ms);
  CHECK(waiter.is_running());
  timer.start(Clock::now() + 30ms);
  CHECK(waiter.wait(2s) == 0);
}

TEST_CASE_FIXTURE(Case, "of many who would start it one does, and all wait for that") {
  Shared<std::atomic<int>> started;
  std::vector<Child> children;
  for (int i = 0; i < 6; ++i)
    children.push_back(Child::run([&] {
      Timer its("demo");
      if (its.start_if_off(Clock::now() + 300ms)) ++*started;
      return its.wait(Deadline::after(kPatience)) == Outcome::ok ? 0 : 1;
    }));
  for (auto& child : children) CHECK(child.wait() == 0);
  CHECK(*started == 1);
}

TEST_CASE_FIXTURE(Case, "it runs on when nobody uses it, and is nothing once it is over") {
  {
    Timer timer("demo");
    timer.start(Clock::now() + 60ms);
  }
  CHECK(entries().size() == 1);
  {
    Timer timer("demo");
    CHECK(timer.is_running());
    CHECK(timer.wait() == Outcome::ok);
  }
  CHECK(entries().empty());
  {
    Timer timer("demo");
    timer.start(Clock::now() + 10ms, 1h);
  }
  {
    Timer timer("demo");
    CHECK(timer.is_running());
    timer.stop();
  }
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(Case, "a deadline is kept, and never early") {
  Timer timer("demo");
  for (const bool runs : {false, true}) {
    if (runs) timer.start(Clock::now() + 1h);
    for (const auto span : {0ms, 1ms, 20ms, 130ms}) {
      const Stopwatch watch;
      CHECK(timer.wait(Deadline::after(span)) == Outcome::timed_out);
      CHECK(watch.elapsed() >= span);
      CHECK(watch.of_ours() < span + 40ms);
    }
  }
  timer.stop();
  CHECK(trouble_of([&] { timer.start(Clock::now(), -1ns); }) == Trouble::invalid);
}

TEST_CASE_FIXTURE(Case,
                  "killed after any instruction, one who sets it has set it and told, or has not") {
  Timer timer("demo");
  std::uint32_t undone = 0;
  Child waiter;
  const auto steps = kill_at_each_step(
      60,
      [&] {
        timer.start(Clock::now() + 1h, 1h);
        if (waiter.is_running()) return;
        waiter = Child::run([] {
          Timer its("demo");
          return its.wait(Deadline::after(kPatience)) == Outcome::ok ? 0 : 1;
        });
        wait_until_asleep(waiter.pid());
      },
      []() -> std::function<void()> {
        const auto its = std::make_shared<Timer>("demo");
        return [its] { its->start(Clock::now() + 1ms); };
      },
      [&](bool) {
        std::this_thread::sleep_for(2ms);
        if (timer.is_running()) {  // that of an hour is still in force, whole
          ++undone;
          return;
        }
        CHECK(ends_within(waiter, kAtOnce));
      });
  MESSAGE(steps << " instructions, " << undone << " times nothing");
  CHECK(undone > 0);
  timer.start(Clock::now() + 1ms);
  if (waiter.is_running()) CHECK(waiter.wait() == 0);
  CHECK(timer.wait(Deadline::after(5ms)) != Outcome::owner_died);
}

TEST_CASE_FIXTURE(Case, "killed at random, those who set it leave no setting of two pieces") {
  // Each setting's period is as long as its time to go, and that is one of two.
  const auto killed = storm(4, 500ms, [] {
    Timer its("demo");
    for (int i = 0; i < 100; ++i) {
      its.start(Clock::now() + 1ms, 1h);
      (void)its.wait(Deadline::at_once());
      its.start(Clock::now() - 1ms, 0ns);
    }
  });
  MESSAGE(killed << " killed");
  Timer timer("demo");
  timer.start(Clock::now() + 20ms);
  CHECK(timer.wait(Deadline::after(2s)) == Outcome::ok);
}

}  // namespace
}  // namespace sync_test

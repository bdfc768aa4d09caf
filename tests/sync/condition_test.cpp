// The condition: who is notified, in which order, and what becomes of it if somebody dies.
#include "ipc/sync/condition.hpp"

#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::Trouble;
using ipc::sync::Condition;
using ipc::sync::Mutex;
using ipc::sync::Outcome;
using ipc::sync::Recursion;

void wait_for(Condition& condition, std::uint32_t waiting) {
  const auto patience = Deadline::after(kPatience);
  while (condition.waiting() < waiting) {
    expect(!patience.expired(), "nobody comes");
    ::usleep(100);
  }
}

// A child that waits for one notification, notes that it has come, and ends. It stands in the queue
// when this returns.
Child waiter(Condition& condition, Shared<Gate>& told) {
  const auto before = condition.waiting();
  Child child = Child::run([&told] {
    Condition its("demo");
    expect(its.wait() == Outcome::ok, "wait");
    told->open();
    return 0;
  });
  wait_for(condition, before + 1);
  return child;
}

TEST_CASE_FIXTURE(Case, "items that are handed over under the mutex arrive, each once") {
  struct Box {
    std::array<std::uint32_t, 8> items{};
    std::uint32_t count = 0;
    std::uint32_t made = 0;
    std::uint64_t sum = 0;
    std::uint32_t taken = 0;
  };
  constexpr std::uint32_t all = 20'000;
  Shared<Box> box;
  std::vector<Child> children;
  for (int i = 0; i < 2; ++i)
    children.push_back(Child::run([&] {
      Mutex mutex("mutex");
      Condition room("room");
      Condition more("more");
      for (;;) {
        expect(mutex.lock() == Outcome::ok, "lock");
        while (box->count == box->items.size() && box->made < all)
          expect(room.wait(mutex, Deadline::after(kPatience)).outcome == Outcome::ok, "room");
        if (box->made == all) break;
        box->items[box->count++] = ++box->made;
        more.notify_one();
        mutex.unlock();
      }
      mutex.unlock();
      room.notify_all();
      more.notify_all();
      return 0;
    }));
  for (int i = 0; i < 3; ++i)
    children.push_back(Child::run([&] {
      Mutex mutex("mutex");
      Condition room("room");
      Condition more("more");
      for (;;) {
        expect(mutex.lock() == Outcome::ok, "lock");
        while (box->count == 0 && box->taken < all)
          expect(more.wait(mutex, Deadline::after(kPatience)).outcome == Outcome::ok, "more");
        if (box->taken == all) break;
        box->sum += box->items[--box->count];
        if (++box->taken == all) more.notify_all();
        room.notify_one();
        mutex.unlock();
      }
      mutex.unlock();
      return 0;
    }));
  for (auto& child : children) CHECK(child.wait(60s) == 0);
  CHECK(box->taken == all);
  CHECK(box->sum == std::uint64_t{all} * (all + 1) / 2);
}

TEST_CASE_FIXTURE(Case, "one notification lets one go, the one who waits longest") {
  Condition condition("demo");
  CHECK_FALSE(condition.notify_one());
  CHECK(condition.notify_all() == 0);
  Shared<Gate> told;
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i) children.push_back(waiter(condition, told));
  for (std::uint32_t i = 0; i < 2; ++i) {
    CHECK(condition.notify_one());
    CHECK(children[i].wait(2s) == 0);
    std::this_thread::sleep_for(60ms);
    CHECK(told->count() == i + 1);
  }
  CHECK(condition.notify_all() == 2);
  CHECK(children[2].wait() == 0);
  CHECK(children[3].wait() == 0);
  CHECK_FALSE(condition.notify_one());
}

TEST_CASE_FIXTURE(Case, "a notification is not for who comes later") {
  Condition condition("demo");
  CHECK_FALSE(condition.notify_one());
  CHECK(condition.wait(Deadline::after(5ms)) == Outcome::timed_out);
  // Not even if the one it was for does not come to take it.
  Shared<Gate> told;
  Child victim = waiter(condition, told);
  victim.signal(SIGSTOP);
  CHECK(condition.notify_one());
  CHECK(condition.wait(Deadline::after(70ms)) == Outcome::timed_out);
  victim.kill();
  CHECK(condition.wait(Deadline::after(70ms)) == Outcome::timed_out);
}

TEST_CASE_FIXTURE(Case, "a deadline is kept, and never early") {
  Condition condition("demo");
  Mutex mutex("mutex");
  for (const auto span : {0ms, 1ms, 20ms, 130ms}) {
    const Stopwatch watch;
    CHECK(condition.wait(Deadline::after(span)) == Outcome::timed_out);
    CHECK(watch.elapsed() >= span);
    CHECK(watch.of_ours() < span + 40ms);
    CHECK(mutex.lock() == Outcome::ok);
    CHECK(condition.wait(mutex, Deadline::after(span)).outcome == Outcome::timed_out);
    CHECK(mutex.is_held());
    mutex.unlock();
  }
}

TEST_CASE_FIXTURE(Case,
                  "the mutex is free during the wait and had again after it, as often as before") {
  Shared<Gate> told;
  Condition condition("demo");
  Child other = Child::run([&] {
    Mutex mutex("mutex", {}, Recursion::counted);
    Condition its("demo");
    for (int i = 0; i < 3; ++i) expect(mutex.lock() == Outcome::ok, "lock");
    expect(its.wait(mutex, Deadline::after(kPatience)).outcome == Outcome::ok, "wait");
    told->open();
    for (int i = 0; i < 3; ++i) mutex.unlock();
    expect(!mutex.is_held(), "three times");
    return 0;
  });
  wait_for(condition, 1);
  Mutex mutex("mutex");
  CHECK(mutex.lock(Deadline::after(kPatience)) == Outcome::ok);
  CHECK(condition.notify_one());
  CHECK_FALSE(told->wait(1, 60ms));
  mutex.unlock();
  CHECK(told->wait());
  CHECK(other.wait() == 0);
  CHECK(trouble_of([&] { (void)condition.wait(mutex); }) == Trouble::invalid);
}

TEST_CASE_FIXTURE(Case, "who comes back from a wait is told that the mutex's holder has died") {
  Condition condition("demo");
  Mutex mutex("mutex");
  CHECK(mutex.lock() == Outcome::ok);
  Child other = Child::run([] {
    Mutex its("mutex");
    Condition same("demo");
    expect(its.lock() != Outcome::timed_out, "lock");
    same.notify_one();
    return ::raise(SIGKILL);
  });
  const auto told = condition.wait(mutex, Deadline::after(kPatience));
  CHECK(told.outcome == Outcome::ok);
  CHECK(told.mutex == Outcome::owner_died);
  mutex.unlock();
  CHECK(other.wait() == -SIGKILL);
}

TEST_CASE_FIXTURE(Case, "a killed waiter swallows no notification") {
  Condition condition("demo");
  for (int i = 0; i < 20; ++i) {
    Shared<Gate> told;
    Child victim = waiter(condition, told);
    Child next = waiter(condition, told);
    if (i % 2 == 0) {  // dead when it is notified
      victim.kill();
      CHECK(condition.notify_one());
    } else {  // notified, and killed before it can take it
      victim.signal(SIGSTOP);
      CHECK(condition.notify_one());
      victim.kill();
    }
    const Stopwatch watch;
    CHECK(next.wait() == 0);
    CHECK(watch.of_ours() < kAtOnce);
  }
}

TEST_CASE_FIXTURE(Case, "killed after any instruction of waiting, one swallows no notification") {
  Condition condition("demo");
  Shared<Gate> told;
  Child next;
  const auto steps = kill_at_each_step(
      60, [] {},
      [&]() -> std::function<void()> {
        const auto its = std::make_shared<Condition>("demo");
        return [its] { (void)its->wait(Deadline::after(3ms)); };
      },
      [&](bool) {
        // Its ticket may still be there; whoever is notified now has to be a living one.
        next = waiter(condition, told);
        const Stopwatch watch;
        CHECK(condition.notify_one());
        CHECK(next.wait() == 0);
        CHECK(watch.of_ours() < kAtOnce);
      });
  MESSAGE(steps << " instructions");
}

TEST_CASE_FIXTURE(
    Case, "killed after any instruction of taking a notification, one has it or its next has") {
  struct Meeting {
    Gate queued;
    std::atomic<bool> notified{false};
    std::atomic<bool> returned{false};
  };
  std::unique_ptr<Shared<Meeting>> meeting;
  Condition condition("demo");
  Child next;
  std::uint32_t passed_on = 0;
  std::uint32_t taken = 0;
  const auto steps = kill_at_each_step(
      60,
      [&] {
        meeting = std::make_unique<Shared<Meeting>>();
        next = Child::run([&] {
          expect((*meeting)->queued.wait(), "the victim is before us");
          Condition its("demo");
          return its.wait(Deadline::after(kPatience)) == Outcome::ok ? 0 : 1;
        });
      },
      [&]() -> std::function<void()> {
        const auto its = std::make_shared<Condition>("demo");
        // It sees that the victim waits first and the other second, and then notifies one.
        const auto notifier = std::make_shared<Child>(Child::forked([&] {
          Condition other("demo");
          wait_for(other, 1);
          (*meeting)->queued.open();
          wait_for(other, 2);
          (*meeting)->notified = other.notify_one();
          return 0;
        }));
        return [its, notifier, &meeting] {
          if (its->wait(Deadline::after(kPatience)) == Outcome::ok) (*meeting)->returned = true;
          while (!(*meeting)->notified) ::usleep(100);
        };
      },
      [&](bool through) {
        CHECK(((*meeting)->returned || !through));
        const bool notified = (*meeting)->notified;
        if (!notified) {
          // Killed before; and its notifier, which dies with it, may just have come to it.
          (*meeting)->queued.open();
          while (next.is_running() && condition.waiting() == 0) ::usleep(100);
        }
        if (!(*meeting)->returned && ends_within(next, notified ? kAtOnce : 0ms)) {
          ++passed_on;
          return;
        }
        if (notified) ++taken;
        (void)condition.notify_one();  // unless it has been by now
        CHECK(next.wait() == 0);
      });
  MESSAGE(steps << " instructions; of a notification " << passed_on << " times passed on, " << taken
                << " times taken");
  CHECK(passed_on > 0);
  CHECK(taken > 0);
}

TEST_CASE_FIXTURE(
    Case, "killed after any instruction of notifying, one leaves no sleeper that it has notified") {
  Condition condition("demo");
  Shared<Gate> told;
  Child sleeper;
  std::uint32_t undone = 0;
  const auto steps = kill_at_each_step(
      80,
      [&] {
        if (!sleeper.is_running()) sleeper = waiter(condition, told);
      },
      []() -> std::function<void()> {
        const auto its = std::make_shared<Condition>("demo");
        return [its] { its->notify_all(); };
      },
      [&](bool through) {
        // Whoever has not been notified still waits by the object's own account.
        if (condition.waiting() == 0) {
          CHECK(ends_within(sleeper, kAtOnce));
          return;
        }
        CHECK_FALSE(through);
        ++undone;
      });
  MESSAGE(steps << " instructions, " << undone << " times nobody was notified");
  CHECK(undone > 0);
  if (sleeper.is_running()) {
    CHECK(condition.notify_all() == 1);
    CHECK(sleeper.wait() == 0);
  }
}

TEST_CASE_FIXTURE(Case, "killed at random, waiters and notifiers keep nobody from being notified") {
  Shared<std::atomic<bool>> over;
  Child healthy = Child::run([&] {
    Mutex mutex("mutex");
    Condition its("demo");
    std::uint32_t rounds = 0;
    while (!*over) {
      expect(mutex.lock(Deadline::after(kPatience)) != Outcome::timed_out, "lock");
      if (its.wait(mutex, Deadline::after(1ms))) ++rounds;
      mutex.unlock();
      its.notify_one();
    }
    return rounds > 0 ? 0 : 1;
  });
  const auto killed = storm(4, 1s, [] {
    Mutex mutex("mutex");
    Condition its("demo");
    for (int i = 0; i < 100; ++i) {
      expect(mutex.lock(Deadline::after(kPatience)) != Outcome::timed_out, "lock");
      (void)its.wait(mutex, Deadline::after(2ms));
      mutex.unlock();
      if (i % 5 == 0)
        its.notify_all();
      else
        its.notify_one();
    }
  });
  *over = true;
  CHECK(healthy.wait() == 0);
  MESSAGE(killed << " killed");
  Condition condition("demo");
  CHECK_FALSE(condition.notify_one());
  Shared<Gate> told;
  Child last = waiter(condition, told);
  CHECK(condition.notify_one());
  CHECK(last.wait(kAtOnce) == 0);
  Mutex mutex("mutex");
  (void)mutex.lock(Deadline::at_once());
  mutex.unlock();
}

}  // namespace
}  // namespace sync_test

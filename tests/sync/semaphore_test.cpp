// The semaphore: permits held and permits consumed, bounds, and what becomes of those of the dead.
#include "ipc/sync/semaphore.hpp"

#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::Trouble;
using ipc::sync::Outcome;
using ipc::sync::Semaphore;

TEST_CASE_FIXTURE(Case, "no more are inside than there are permits, and none stays unused") {
  struct Inside {
    std::atomic<int> now{0};
    std::atomic<int> most{0};
  };
  Shared<Inside> inside;
  std::vector<Child> children;
  for (int i = 0; i < 8; ++i)
    children.push_back(Child::run([&] {
      Semaphore semaphore("demo", {.initial = 3, .most = 3});
      for (int round = 0; round < 2000; ++round) {
        expect(semaphore.acquire() == Outcome::ok, "acquire");
        const int now = ++inside->now;
        expect(now <= 3, "a fourth is inside");
        for (int most = inside->most; now > most && !inside->most.compare_exchange_weak(most, now);)
          ;
        if (round % 100 == 0) ::usleep(100);
        // On a busy machine each may come when the one before has gone; the first wait for others.
        for (const auto end = Deadline::after(kPatience); inside->most < 3 && !end.expired();)
          ::usleep(100);
        --inside->now;
        semaphore.release();
      }
      return 0;
    }));
  for (auto& child : children) CHECK(child.wait(60s) == 0);
  CHECK(inside->most == 3);
}

TEST_CASE_FIXTURE(Case, "permits are held until they are given back, and come and go one by one") {
  Semaphore one("demo", {.initial = 2});
  Semaphore two("demo", {.initial = 2});
  CHECK(one.acquire() == Outcome::ok);
  CHECK(one.acquire() == Outcome::ok);
  CHECK(one.held() == 2);
  CHECK(two.acquire(Deadline::at_once()) == Outcome::timed_out);
  CHECK(two.value() == 0);
  one.release();
  CHECK(two.value() == 1);
  CHECK(two.acquire(Deadline::at_once()) == Outcome::ok);
  CHECK(one.acquire(Deadline::at_once()) == Outcome::timed_out);
  two.release();
  one.release();
  CHECK(one.value() == 2);
  CHECK(trouble_of([&] { one.release(); }) == Trouble::invalid);
}

TEST_CASE_FIXTURE(Case, "a handle that goes gives back what it holds, and wakes who waits for it") {
  auto one = std::make_unique<Semaphore>("demo", ipc::sync::Permits{.initial = 2});
  CHECK(one->acquire() == Outcome::ok);
  CHECK(one->acquire() == Outcome::ok);
  Child waiter = Child::run([] {
    Semaphore its("demo");
    const Stopwatch watch;
    expect(its.acquire() == Outcome::ok, "acquire");
    expect(its.acquire() == Outcome::ok, "acquire");
    return 0;
  });
  wait_until_asleep(waiter.pid());
  one.reset();
  CHECK(waiter.wait() == 0);
}

TEST_CASE_FIXTURE(Case,
                  "a bounded one refuses the permit that is too many, also while some are held") {
  Semaphore semaphore("demo", {.initial = 2, .most = 3});
  semaphore.post();
  CHECK(trouble_of([&] { semaphore.post(); }) == Trouble::limit);
  CHECK(semaphore.value() == 3);
  CHECK(semaphore.acquire() == Outcome::ok);
  CHECK(trouble_of([&] { semaphore.post(); }) == Trouble::limit);
  CHECK(semaphore.consume() == Outcome::ok);
  semaphore.post();
  CHECK(trouble_of([&] { semaphore.post(); }) == Trouble::limit);
  semaphore.release();
  CHECK(semaphore.value() == 3);
  CHECK(trouble_of([&] { semaphore.post(4'000'000'000); }) == Trouble::limit);
  CHECK(semaphore.value() == 3);
  CHECK(semaphore.consume() == Outcome::ok);  // so that nothing is left that differs from a new one
}

TEST_CASE_FIXTURE(Case, "of many who post at once no more succeed than there is room for") {
  Semaphore semaphore("demo", {.initial = 0, .most = 1000});
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(Child::run([] {
      Semaphore its("demo");
      int refused = 0;
      for (int round = 0; round < 300; ++round) try {
          its.post();
        } catch (const ipc::Error&) {
          ++refused;
        }
      return refused > 0 ? 1 : 0;
    }));
  for (auto& child : children) CHECK(child.wait() <= 1);
  CHECK(semaphore.value() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(semaphore.consume(Deadline::at_once()) == Outcome::ok);
  CHECK(semaphore.consume(Deadline::at_once()) == Outcome::timed_out);
}

TEST_CASE_FIXTURE(Case, "what was posted and what was consumed outlives its processes") {
  Child poster = Child::run([] {
    Semaphore its("demo");
    its.post(5);
    return 0;
  });
  CHECK(poster.wait() == 0);
  CHECK(entries().size() == 1);
  Child consumer = Child::run([] {
    Semaphore its("demo");
    expect(its.value() == 5, "five");
    for (int i = 0; i < 4; ++i) expect(its.consume() == Outcome::ok, "consume");
    return ::raise(SIGKILL);
  });
  CHECK(consumer.wait() == -SIGKILL);
  {
    Semaphore semaphore("demo");
    CHECK(semaphore.value() == 1);
    CHECK(semaphore.consume(Deadline::at_once()) == Outcome::ok);
  }
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(Case, "its numbers are those it was made with") {
  Semaphore semaphore("demo", {.initial = 3, .most = 3});
  CHECK(sentence_of([] { Semaphore("demo", {.initial = 5, .most = 5}); }) ==
        "open " + directory() + "/demo: was made with 3 permits, not 5");
  CHECK(trouble_of([] { Semaphore("demo", {.initial = 3, .most = 4}); }) == Trouble::invalid);
  CHECK(trouble_of([] { Semaphore("other", {.initial = 3, .most = 2}); }) == Trouble::invalid);
  CHECK(trouble_of([] { Semaphore("other", {.initial = 0, .most = 0}); }) == Trouble::invalid);
  CHECK(Semaphore("demo").permits().most == 3);
}

TEST_CASE_FIXTURE(Case, "a deadline is kept, and never early") {
  Semaphore semaphore("demo");
  for (const auto span : {0ms, 1ms, 20ms, 51ms, 130ms}) {
    CAPTURE(span.count());
    const Stopwatch watch;
    CHECK(semaphore.acquire(Deadline::after(span)) == Outcome::timed_out);
    CHECK(watch.elapsed() >= span);
    CHECK(watch.of_ours() < span + 40ms);
  }
}

TEST_CASE_FIXTURE(Case, "each permit that is posted wakes one who waits") {
  Semaphore semaphore("demo");
  Shared<Gate> got;
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(Child::run([&] {
      Semaphore its("demo");
      expect(its.consume() == Outcome::ok, "consume");
      got->open();
      return 0;
    }));
  for (const auto& child : children) wait_until_asleep(child.pid());
  for (std::uint32_t i = 1; i <= 2; ++i) {
    semaphore.post();
    CHECK(got->wait(i));
    std::this_thread::sleep_for(60ms);
    CHECK(got->count() == i);
  }
  semaphore.post(2);
  CHECK(got->wait(4));
  for (auto& child : children) CHECK(child.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "permits of a killed holder come back at once, all of them and no more") {
  Semaphore semaphore("demo", {.initial = 4, .most = 4});
  CHECK(semaphore.acquire() == Outcome::ok);
  for (int i = 0; i < 20; ++i) {
    Shared<Gate> has;
    Child holder = Child::run([&] {
      Semaphore its("demo");
      for (int k = 0; k < 3; ++k) expect(its.acquire() == Outcome::ok, "acquire");
      has->open();
      for (;;) ::pause();
      return 0;
    });
    REQUIRE(has->wait());
    CHECK(semaphore.acquire(Deadline::at_once()) == Outcome::timed_out);
    Stopwatch watch;
    std::thread killer([&] {
      if (i % 2) std::this_thread::sleep_for(70ms);
      watch = Stopwatch();
      holder.signal(SIGKILL);
    });
    if (i % 2 == 0) killer.join();
    CHECK(semaphore.acquire() == Outcome::ok);
    if (i % 2) killer.join();
    CHECK(watch.of_ours() < kAtOnce);
    CHECK(semaphore.value() == 2);
    semaphore.release();
    holder.kill();
  }
  semaphore.release();
  CHECK(semaphore.value() == 4);
}

TEST_CASE_FIXTURE(Case, "killed at random, holders, consumers and posters leave the counts right") {
  // Each life notes before what it is about to post or consume, and after what it has; in between it
  // may have, or not.
  struct Notes {
    std::atomic<std::uint32_t> begun{0};
    std::atomic<std::uint32_t> done{0};
  };
  Shared<std::array<Notes, 2>> notes;  // posts, consumptions
  constexpr std::uint32_t initial = 1000;
  const auto killed = storm(5, 1s, [&] {
    Semaphore its("demo", {.initial = initial});
    for (int i = 0; i < 50; ++i) {
      expect(its.acquire(Deadline::after(kPatience)) == Outcome::ok, "acquire");
      ++(*notes)[0].begun;
      its.post();
      ++(*notes)[0].done;
      ++(*notes)[1].begun;
      expect(its.consume(Deadline::after(kPatience)) == Outcome::ok, "consume");
      ++(*notes)[1].done;
      if (i % 3 != 0) its.release();
    }
  });
  MESSAGE(killed << " killed");
  Semaphore semaphore("demo", {.initial = initial});
  const auto value = semaphore.value();
  CHECK(value >= initial + (*notes)[0].done - (*notes)[1].begun);
  CHECK(value <= initial + (*notes)[0].begun - (*notes)[1].done);
  std::uint32_t taken = 0;
  while (semaphore.consume(Deadline::at_once()) == Outcome::ok) ++taken;
  CHECK(taken == value);
  semaphore.post(initial);
}

TEST_CASE_FIXTURE(Case, "killed after any instruction, a call has done all or nothing") {
  Semaphore semaphore("demo", {.initial = 5, .most = 9});
  const auto check = [&](const std::string& what, const std::function<void(Semaphore&)>& act,
                         std::uint32_t before, std::uint32_t after) {
    std::uint32_t undone = 0;
    std::uint32_t done = 0;
    const auto steps = kill_at_each_step(
        80, [] {},
        [&]() -> std::function<void()> {
          const auto its = std::make_shared<Semaphore>("demo");
          return [its, &act] { act(*its); };
        },
        [&](bool) {
          const Stopwatch watch;
          const auto value = semaphore.value();
          CHECK(watch.of_ours() < kAtOnce);
          CHECK((value == before || value == after));
          ++(value == after ? done : undone);
          while (semaphore.value() > before) (void)semaphore.consume(Deadline::at_once());
          if (const auto now = semaphore.value(); now < before) semaphore.post(before - now);
        });
    MESSAGE(what << ": " << steps << " instructions, " << undone << " times nothing, " << done
                 << " times all");
    CHECK(done > 0);
    if (before != after) CHECK(undone > 0);
  };
  check(
      "acquire and release",
      [](Semaphore& its) {
        (void)its.acquire();
        its.release();
      },
      5, 5);
  check(
      "consume", [](Semaphore& its) { (void)its.consume(); }, 5, 4);
  check(
      "post", [](Semaphore& its) { its.post(2); }, 5, 7);
}

TEST_CASE_FIXTURE(Case, "killed after any instruction of giving a permit, one leaves no sleeper") {
  struct Meeting {
    Gate held;
    std::atomic<pid_t> waiter{0};
  };
  std::unique_ptr<Shared<Meeting>> meeting;
  Child waiter;
  Semaphore semaphore("demo", {.initial = 1, .most = 1});
  (void)kill_at_each_step(
      60,
      [&] {
        meeting = std::make_unique<Shared<Meeting>>();
        waiter = Child::run([&] {
          expect((*meeting)->held.wait(), "the victim has it");
          Semaphore its("demo");
          (*meeting)->waiter = ::getpid();
          expect(its.acquire(Deadline::after(kPatience)) == Outcome::ok, "acquire");
          return 0;
        });
      },
      [&]() -> std::function<void()> {
        const auto its = std::make_shared<Semaphore>("demo");
        expect(its->acquire() == Outcome::ok, "acquire");
        (*meeting)->held.open();
        while ((*meeting)->waiter == 0) ::usleep(100);
        wait_until_asleep((*meeting)->waiter);
        return [its] { its->release(); };
      },
      [&](bool) {
        const Stopwatch watch;
        CHECK(waiter.wait() == 0);
        CHECK(watch.of_ours() < kAtOnce);
        CHECK(semaphore.value() == 1);
      });
}

}  // namespace
}  // namespace sync_test

// The barrier: nobody passes before all are there, and the dead are not there.
#include "ipc/sync/barrier.hpp"

#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::Trouble;
using ipc::sync::Barrier;
using ipc::sync::Outcome;

Child comer(std::uint32_t count) {
  return Child::run([count] {
    Barrier its("demo", count);
    return its.wait() ? 0 : 1;
  });
}

TEST_CASE_FIXTURE(Case, "nobody is a round ahead of another, and one in each round is the last") {
  constexpr std::uint32_t count = 4;
  constexpr std::uint32_t rounds = 500;
  struct Counts {
    std::array<std::atomic<std::uint32_t>, rounds> come{};
    std::atomic<std::uint32_t> lasts{0};
  };
  Shared<Counts> counts;
  std::vector<Child> children;
  for (std::uint32_t i = 0; i < count; ++i)
    children.push_back(Child::run([&] {
      Barrier its("demo", count);
      for (auto& come : counts->come) {
        ++come;
        const auto met = its.wait(Deadline::after(kPatience));
        expect(met.outcome == Outcome::ok, "wait");
        expect(come == count, "not all were there");
        if (met.last) ++counts->lasts;
      }
      return 0;
    }));
  for (auto& child : children) CHECK(child.wait(60s) == 0);
  CHECK(counts->lasts == rounds);
}

TEST_CASE_FIXTURE(Case, "one who goes away at its deadline is not counted") {
  Barrier one("demo", 2);
  Barrier two("demo", 2);
  for (const auto span : {0ms, 1ms, 60ms}) {
    const Stopwatch watch;
    CHECK(one.wait(Deadline::after(span)).outcome == Outcome::timed_out);
    CHECK(watch.elapsed() >= span);
    CHECK(watch.of_ours() < span + 40ms);
  }
  CHECK(two.waiting() == 0);
  CHECK_FALSE(two.wait(Deadline::at_once()));
  Child other = comer(2);
  wait_until_asleep(other.pid());
  CHECK(two.waiting() == 1);
  const auto met = two.wait();
  CHECK(met.outcome == Outcome::ok);
  CHECK(met.last);
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "of those who come and those whose deadlines pass all are told the same") {
  // Two come at once, one of them in a hurry: either both have met, or the patient one waits on.
  struct Outcomes {
    std::atomic<std::uint32_t> met{0};
  };
  for (int i = 0; i < 40; ++i) {
    Shared<Outcomes> outcomes;
    Child patient = Child::run([&] {
      Barrier its("demo", 2);
      expect(its.wait(Deadline::after(kPatience)).outcome == Outcome::ok, "wait");
      ++outcomes->met;
      return 0;
    });
    Child hasty = Child::run([&, i] {
      Barrier its("demo", 2);
      if (its.wait(Deadline::after(i * 50us))) ++outcomes->met;
      return 0;
    });
    CHECK(hasty.wait() == 0);
    if (outcomes->met == 0) {
      Barrier barrier("demo", 2);
      CHECK(barrier.wait(Deadline::after(kPatience)).outcome == Outcome::ok);
    }
    CHECK(patient.wait() == 0);
  }
}

TEST_CASE_FIXTURE(Case, "how many meet is what it was made for") {
  const Barrier barrier("demo", 3);
  CHECK(sentence_of([] { Barrier("demo", 4); }) ==
        "open " + directory() + "/demo: was made with 3 places, not 4");
  CHECK(trouble_of([] { Barrier("other", 0); }) == Trouble::invalid);
  CHECK(trouble_of([] { Barrier("other", 257); }) == Trouble::invalid);
  CHECK(Barrier("other", 1).wait(Deadline::at_once()).last);
}

TEST_CASE_FIXTURE(Case, "a killed waiter is not counted") {
  Barrier barrier("demo", 3);
  for (int i = 0; i < 20; ++i) {
    Child one = comer(3);
    Child victim = comer(3);
    wait_until_asleep(one.pid());
    wait_until_asleep(victim.pid());
    CHECK(barrier.waiting() == 2);
    victim.kill();
    CHECK(barrier.waiting() == 1);
    CHECK(barrier.wait(Deadline::after(5ms)).outcome == Outcome::timed_out);
    Child other = comer(3);
    wait_until_asleep(other.pid());
    CHECK(barrier.wait(Deadline::at_once()).outcome == Outcome::ok);
    CHECK(one.wait() == 0);
    CHECK(other.wait() == 0);
  }
}

TEST_CASE_FIXTURE(Case, "who waits at a barrier does not wake up before all are there") {
  Child waiter = comer(2);
  wait_until_asleep(waiter.pid());
  const auto before = sleeps_of(waiter.pid());
  std::this_thread::sleep_for(300ms);
  CHECK(sleeps_of(waiter.pid()) == before);
  CHECK(Barrier("demo", 2).wait().outcome == Outcome::ok);
  CHECK(waiter.wait() == 0);
}

TEST_CASE_FIXTURE(Case,
                  "killed after any instruction, the last one has let all go or has not come") {
  Child waiter;
  std::uint32_t undone = 0;
  Barrier barrier("demo", 2);
  const auto steps = kill_at_each_step(
      80,
      [&] {
        if (waiter.is_running()) return;
        waiter = comer(2);
        wait_until_asleep(waiter.pid());
      },
      []() -> std::function<void()> {
        const auto its = std::make_shared<Barrier>("demo", 2);
        return [its] { (void)its->wait(); };
      },
      [&](bool) {
        if (barrier.waiting() == 1) {
          ++undone;
          return;
        }
        CHECK(ends_within(waiter, kAtOnce));
      });
  MESSAGE(steps << " instructions, " << undone << " times it had not come");
  CHECK(undone > 0);
  if (waiter.is_running()) {
    CHECK(barrier.wait(Deadline::at_once()).outcome == Outcome::ok);
    CHECK(waiter.wait() == 0);
  }
}

TEST_CASE_FIXTURE(
    Case, "killed at random, those who come let nobody pass alone and nobody wait in vain") {
  // Victims meet each other; now and then we come as well, and must not pass without one of them.
  Shared<std::atomic<std::uint32_t>> come;
  const auto killed = storm(4, 1s, [&] {
    Barrier its("demo", 2);
    for (int i = 0; i < 100; ++i) {
      ++*come;
      expect(its.wait(Deadline::after(kPatience)).outcome == Outcome::ok, "wait");
    }
  });
  MESSAGE(killed << " killed, who had come " << come->load() << " times");
  Barrier barrier("demo", 2);
  CHECK(barrier.waiting() == 0);
  CHECK(barrier.wait(Deadline::after(20ms)).outcome == Outcome::timed_out);
}

}  // namespace
}  // namespace sync_test

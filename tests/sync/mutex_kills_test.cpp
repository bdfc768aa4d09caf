// The mutex under SIGKILL: at random, before every system call, and after every instruction.
#include "ipc/sync/mutex.hpp"
#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::sync::Mutex;
using ipc::sync::Outcome;

struct Guarded {
  std::atomic<std::uint32_t> inside{0};  // how many are
  std::atomic<std::uint32_t> rounds{0};
};

// Takes it, and sees that nobody else is in there but, at the most, one who died.
void visit(Mutex& mutex, Guarded& guarded, Deadline deadline = Deadline::never()) {
  const Outcome outcome = mutex.lock(deadline);
  expect(outcome != Outcome::timed_out, "it was not to be had");
  const auto others = guarded.inside.load();
  expect(others == 0 || (others == 1 && outcome == Outcome::owner_died),
         "somebody is inside, or died there and it was not told");
  guarded.inside = 1;
  ++guarded.rounds;
  guarded.inside = 0;
  mutex.unlock();
}

TEST_CASE_FIXTURE(Case, "killed at random, holders and waiters free the mutex and are told") {
  Shared<Guarded> guarded;
  Shared<std::atomic<bool>> over;
  Child healthy = Child::run([&] {
    Mutex mutex("demo");
    std::chrono::nanoseconds longest{0};
    while (!*over) {
      const Stopwatch watch;
      visit(mutex, *guarded, Deadline::after(kPatience));
      longest = std::max(longest, watch.elapsed());
      ::usleep(100);
    }
    // Among so many on so few cores one may have to wait for the living; not for the dead.
    expect(longest < 2s, "it had to wait for too long");
    return 0;
  });
  const auto killed = storm(6, 1s, [&] {
    Mutex mutex("demo");
    for (int i = 0; i < 1000; ++i) visit(mutex, *guarded);
  });
  *over = true;
  CHECK(healthy.wait() == 0);
  MESSAGE(killed << " killed in " << guarded->rounds.load() << " rounds");
  Mutex mutex("demo");
  visit(mutex, *guarded, Deadline::after(kAtOnce));
}

TEST_CASE_FIXTURE(Case, "killed before any of its calls, a party leaves a mutex that works") {
  Shared<Guarded> guarded;
  for (const bool alone : {true, false}) {
    CAPTURE(alone);
    std::uint32_t call = 1;
    for (bool through = false; !through; ++call) {
      auto other = alone ? nullptr : std::make_unique<Mutex>("demo");
      Child victim = Child::run([&] {
        conformance::KillAt observer(call);
        ipc::sys::observe(&observer);
        {
          Mutex mutex("demo");
          visit(mutex, *guarded);
        }
        ipc::sys::observe(nullptr);
        return 0;
      });
      const int status = victim.wait();
      CHECK((status == 0 || status == -SIGKILL));
      through = status == 0;
      other.reset();
      {
        const Stopwatch watch;
        Mutex mutex("demo");
        visit(mutex, *guarded, Deadline::after(kAtOnce));
        CHECK(watch.of_ours() < kAtOnce);
      }
      REQUIRE(entries().empty());
    }
    MESSAGE("killed at up to " << call - 1 << " calls");
    CHECK(call > 15);
  }
}

TEST_CASE_FIXTURE(Case, "killed after any instruction, a holder frees the mutex and is told") {
  Shared<Guarded> guarded;
  Mutex mutex("demo");
  const auto steps = kill_at_each_step(
      150, [] {},
      [&]() -> std::function<void()> {
        const auto its = std::make_shared<Mutex>("demo");
        return [its, &guarded] {
          if (its->lock() == Outcome::timed_out) ::_exit(1);
          guarded->inside = 1;
          guarded->inside = 0;
          its->unlock();
        };
      },
      [&](bool) { visit(mutex, *guarded, Deadline::after(kAtOnce)); });
  MESSAGE(steps << " instructions");
}

TEST_CASE_FIXTURE(Case,
                  "killed after any instruction of giving it back, a holder leaves no sleeper") {
  struct Meeting {
    Gate held;
    std::atomic<pid_t> waiter{0};
  };
  std::unique_ptr<Shared<Meeting>> meeting;
  Child waiter;
  const auto steps = kill_at_each_step(
      60,
      [&] {
        meeting = std::make_unique<Shared<Meeting>>();
        waiter = Child::run([&] {
          expect((*meeting)->held.wait(), "the victim has it");
          Mutex mutex("demo");
          (*meeting)->waiter = ::getpid();
          expect(mutex.lock(Deadline::after(kPatience)) != Outcome::timed_out, "lock");
          mutex.unlock();
          return 0;
        });
      },
      [&]() -> std::function<void()> {
        const auto its = std::make_shared<Mutex>("demo");
        expect(its->lock() == Outcome::ok, "lock");
        (*meeting)->held.open();
        while ((*meeting)->waiter == 0) ::usleep(100);
        wait_until_asleep((*meeting)->waiter);
        return [its] { its->unlock(); };
      },
      [&](bool) {
        const Stopwatch watch;
        CHECK(waiter.wait() == 0);
        CHECK(watch.of_ours() < kAtOnce);
      });
  MESSAGE(steps << " instructions");
  const Mutex removes_what_is_left("demo");
}

}  // namespace
}  // namespace sync_test

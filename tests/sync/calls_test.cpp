// Every kind of object: its parties killed before each system call that the library makes, from the
// first to the last.
#include <sys/time.h>

#include "ipc/sync/barrier.hpp"
#include "ipc/sync/condition.hpp"
#include "ipc/sync/event.hpp"
#include "ipc/sync/semaphore.hpp"
#include "ipc/sync/timer.hpp"
#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::sync::Outcome;

// What a party does from its coming to its leaving. Whoever does it whole leaves nothing, whatever
// somebody before has left undone.
struct Life {
  std::string name;
  void (*live)();
};

const Life kLives[] = {
    {"semaphore",
     [] {
       ipc::sync::Semaphore its("demo", {.initial = 2});
       expect(its.acquire(Deadline::after(kPatience)) == Outcome::ok, "acquire");
       its.release();
       its.post();
       while (its.value() > 2)
         expect(its.consume(Deadline::after(kPatience)) == Outcome::ok, "consume");
       expect(its.value() == 2, "two permits");
     }},
    {"event",
     [] {
       ipc::sync::Event its("demo");
       its.set();
       expect(its.wait(Deadline::after(kPatience)) == Outcome::ok, "wait");
       its.clear();
       expect(its.wait(Deadline::after(1ms)) == Outcome::timed_out, "wait");
     }},
    {"barrier",
     [] {
       ipc::sync::Barrier its("demo", 2);
       expect(its.wait(Deadline::after(1ms)).outcome == Outcome::timed_out, "nobody is there");
       ipc::sync::Barrier alone("alone", 1);
       expect(alone.wait(Deadline::after(kPatience)).outcome == Outcome::ok, "all are there");
     }},
    {"condition",
     [] {
       ipc::sync::Mutex mutex("mutex");
       ipc::sync::Condition its("demo");
       expect(mutex.lock(Deadline::after(kPatience)) != Outcome::timed_out, "lock");
       expect(!its.notify_one(), "nobody is there");
       expect(its.wait(mutex, Deadline::after(1ms)).outcome == Outcome::timed_out, "wait");
       mutex.unlock();
       expect(its.notify_all() == 0, "nobody is there");
     }},
    {"timer",
     [] {
       ipc::sync::Timer its("demo");
       its.start(ipc::sync::Timer::Clock::now() + 20ms, 1h);
       expect(its.wait(Deadline::after(kPatience)) == Outcome::ok, "wait");
       its.stop();
     }},
};

TEST_CASE_FIXTURE(Case, "killed before any of its calls, a party leaves an object that works") {
  for (const auto& [name, live] : kLives) {
    CAPTURE(name);
    std::uint32_t call = 1;
    for (bool through = false; !through; ++call) {
      Child victim = Child::run([&] {
        conformance::KillAt observer(call);
        ipc::sys::observe(&observer);
        live();
        ipc::sys::observe(nullptr);
        return 0;
      });
      const int status = victim.wait();
      REQUIRE((status == 0 || status == -SIGKILL));
      through = status == 0;
      const Stopwatch watch;
      CHECK_NOTHROW(live());
      CHECK(watch.of_ours() < 2 * kAtOnce);
      REQUIRE(entries().empty());
    }
    MESSAGE("killed at up to " << call - 1 << " calls");
    CHECK(call > 20);
  }
}

TEST_CASE_FIXTURE(Case, "interrupted by a signal a thousand times a second, all is as without") {
  // Handlers without SA_RESTART, so that every call that can be interrupted is.
  struct sigaction action {};
  action.sa_handler = [](int) {};
  const auto under_fire = [&](const std::function<void()>& act) {
    Child child = Child::run([&] {
      ::sigaction(SIGALRM, &action, nullptr);
      const itimerval often{{0, 1000}, {0, 1000}};
      ::setitimer(ITIMER_REAL, &often, nullptr);
      act();
      return 0;
    });
    CHECK(child.wait() == 0);
  };
  for (const auto& [name, live] : kLives) {
    CAPTURE(name);
    under_fire([&live = live] {
      for (int i = 0; i < 50; ++i) live();
    });
  }
  under_fire([] {
    ipc::sync::Event event("demo");
    const Stopwatch watch;
    expect(event.wait(Deadline::after(200ms)) == Outcome::timed_out, "wait");
    expect(watch.elapsed() >= 200ms && watch.elapsed() < 2s, "the deadline");
  });
}

}  // namespace
}  // namespace sync_test

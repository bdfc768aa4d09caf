// The mutex: one at a time, deadlines, recursion, and what the next is told when a holder dies.
#include "ipc/sync/mutex.hpp"

#include <sys/resource.h>

#include <stdexcept>

#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

using ipc::Trouble;
using ipc::sync::Mutex;
using ipc::sync::Outcome;
using ipc::sync::Recursion;

// What a mutex guards: two numbers that are equal while nobody is at them.
struct Guarded {
  std::atomic<std::uint64_t> one{0};
  std::atomic<std::uint64_t> two{0};

  void count() {
    one.store(one.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    two.store(two.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  bool is_whole() const { return one == two; }
  void repair() { two = one.load(); }
};

TEST_CASE_FIXTURE(Case, "eight processes that count a hundred thousand times each lose no count") {
  Shared<Guarded> guarded;
  std::vector<Child> children;
  for (int i = 0; i < 8; ++i)
    children.push_back(Child::run([&] {
      Mutex mutex("demo");
      for (int round = 0; round < 100'000; ++round) {
        expect(mutex.lock() == Outcome::ok, "lock");
        guarded->count();
        mutex.unlock();
      }
      return 0;
    }));
  for (auto& child : children) CHECK(child.wait(100s) == 0);
  CHECK(guarded->one == 800'000);
  CHECK(guarded->two == 800'000);
}

TEST_CASE_FIXTURE(Case, "two handles of one process exclude each other") {
  Mutex mine("demo");
  Mutex other("demo");
  CHECK(mine.lock() == Outcome::ok);
  CHECK(mine.is_held());
  CHECK(other.lock(Deadline::at_once()) == Outcome::timed_out);
  CHECK_FALSE(other.is_held());
  CHECK(other.holder() == ::getpid());
  mine.unlock();
  CHECK(other.lock(Deadline::at_once()) == Outcome::ok);
  CHECK(mine.holder() == ::getpid());
  other.unlock();
  CHECK_FALSE(mine.holder());
}

TEST_CASE_FIXTURE(Case, "a deadline is kept, and never early") {
  Mutex holder("demo");
  CHECK(holder.lock() == Outcome::ok);
  Mutex mutex("demo");
  for (const auto span : {0ms, 1ms, 20ms, 49ms, 51ms, 130ms}) {
    CAPTURE(span.count());
    const Stopwatch watch;
    CHECK(mutex.lock(Deadline::after(span)) == Outcome::timed_out);
    CHECK(watch.elapsed() >= span);
    CHECK(watch.of_ours() < span + 40ms);
  }
  holder.unlock();
  CHECK(mutex.lock(Deadline::at_once()) == Outcome::ok);
  mutex.unlock();
}

TEST_CASE_FIXTURE(Case,
                  "a mutex is given back as often as it was taken, if it may be taken twice") {
  Mutex mutex("demo", {}, Recursion::counted);
  Mutex other("demo");
  for (int i = 0; i < 3; ++i) CHECK(mutex.lock() == Outcome::ok);
  for (int i = 0; i < 3; ++i) {
    CHECK(other.lock(Deadline::at_once()) == Outcome::timed_out);
    mutex.unlock();
  }
  CHECK(other.lock(Deadline::at_once()) == Outcome::ok);
  CHECK(sentence_of([&] { (void)other.lock(); }).find("has it already") != std::string::npos);
  other.unlock();
  CHECK(trouble_of([&] { other.unlock(); }) == Trouble::invalid);
}

TEST_CASE_FIXTURE(Case, "whoever waits has the mutex at once when it is given back") {
  struct Times {
    std::atomic<std::int64_t> given{0};
    std::atomic<std::int64_t> got{0};
  };
  Shared<Times> times;
  const auto now = [] { return std::chrono::steady_clock::now().time_since_epoch().count(); };
  Mutex mutex("demo");
  std::chrono::nanoseconds best = 1s;
  for (int i = 0; i < 20; ++i) {
    CHECK(mutex.lock() == Outcome::ok);
    Child waiter = Child::run([&] {
      Mutex its("demo");
      expect(its.lock() == Outcome::ok, "lock");
      times->got = now();
      its.unlock();
      return 0;
    });
    wait_until_asleep(waiter.pid());
    times->given = now();
    mutex.unlock();
    CHECK(waiter.wait() == 0);
    best = std::min(best, std::chrono::nanoseconds(times->got - times->given));
  }
  // One who has to find it by himself would need milliseconds at the least.
  CHECK(best < 1ms);
}

TEST_CASE_FIXTURE(Case, "who has waited in vain has not swallowed what was meant for others") {
  // Waiters whose deadlines pass just when the mutex is given back; one more waits without any.
  Mutex mutex("demo");
  for (int round = 0; round < 30; ++round) {
    CHECK(mutex.lock() == Outcome::ok);
    std::vector<Child> hasty;
    for (int i = 0; i < 3; ++i)
      hasty.push_back(Child::run([] {
        Mutex its("demo");
        if (its.lock(Deadline::after(5ms)) == Outcome::ok) its.unlock();
        return 0;
      }));
    Child patient = Child::run([] {
      Mutex its("demo");
      expect(its.lock(Deadline::after(kPatience)) == Outcome::ok, "lock");
      its.unlock();
      return 0;
    });
    std::this_thread::sleep_for(7ms);
    mutex.unlock();
    for (auto& child : hasty) CHECK(child.wait() == 0);
    CHECK(patient.wait(2s) == 0);
  }
}

TEST_CASE_FIXTURE(Case, "the next holder is told that the last one died, once, and at once") {
  Mutex mutex("demo");
  for (int i = 0; i < 20; ++i) {
    Shared<Gate> has;
    Child holder = Child::run([&] {
      Mutex its("demo");
      expect(its.lock() == Outcome::ok, "lock");
      has->open();
      for (;;) ::pause();
      return 0;
    });
    REQUIRE(has->wait());
    CHECK(mutex.holder() == holder.pid());
    CHECK(mutex.lock(Deadline::at_once()) == Outcome::timed_out);
    if (i % 2 == 0) {  // who comes afterwards
      holder.kill();
      const Stopwatch watch;
      CHECK(mutex.lock(i % 4 == 0 ? Deadline::at_once() : Deadline::never()) ==
            Outcome::owner_died);
      CHECK(watch.of_ours() < kAtOnce);
    } else {  // who waits already
      Stopwatch watch;
      std::thread killer([&] {
        std::this_thread::sleep_for(120ms);
        watch = Stopwatch();
        holder.signal(SIGKILL);
      });
      CHECK(mutex.lock() == Outcome::owner_died);
      killer.join();
      CHECK(watch.of_ours() < kAtOnce);
      holder.kill();
    }
    mutex.unlock();
    CHECK(mutex.lock() == Outcome::ok);
    mutex.unlock();
  }
}

TEST_CASE_FIXTURE(Case, "however a holder ends without giving it back, the next is told") {
  const std::vector<std::function<int(Mutex&)>> ends{
      [](Mutex&) { return 0; },                 // _exit(2)
      [](Mutex&) { return ::raise(SIGSEGV); },  // a crash
      [](Mutex& mutex) {
        mutex.~Mutex();
        return 0;
      },
      [](Mutex&) { return ::execlp("true", "true", nullptr); },
  };
  Mutex mutex("demo");
  for (const auto& end : ends) {
    Child holder = Child::run([&] {
      const rlimit none{0, 0};
      ::setrlimit(RLIMIT_CORE, &none);
      alignas(Mutex) std::byte room[sizeof(Mutex)];
      auto& its = *new (room) Mutex("demo");
      expect(its.lock() == Outcome::ok, "lock");
      return end(its);
    });
    (void)holder.wait();
    CHECK(mutex.lock(Deadline::after(kAtOnce)) == Outcome::owner_died);
    mutex.unlock();
  }
}

TEST_CASE_FIXTURE(Case, "a heir that dies as well leaves the news for the next") {
  Mutex mutex("demo");
  for (int i = 0; i < 5; ++i) {
    Child holder = Child::run([&] {
      Mutex its("demo");
      return its.lock() == (i == 0 ? Outcome::ok : Outcome::owner_died) ? ::raise(SIGKILL) : 1;
    });
    CHECK(holder.wait() == -SIGKILL);
  }
  CHECK(mutex.lock() == Outcome::owner_died);
  mutex.unlock();
}

TEST_CASE_FIXTURE(Case, "a holder that is stopped keeps the mutex") {
  Shared<Gate> has;
  Child holder = Child::run([&] {
    Mutex its("demo");
    expect(its.lock() == Outcome::ok, "lock");
    has->open();
    ::raise(SIGSTOP);
    its.unlock();
    return 0;
  });
  REQUIRE(has->wait());
  Mutex mutex("demo");
  CHECK(mutex.lock(Deadline::after(200ms)) == Outcome::timed_out);
  holder.signal(SIGCONT);
  CHECK(mutex.lock(Deadline::after(kPatience)) == Outcome::ok);
  mutex.unlock();
  CHECK(holder.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "who waits is woken no more than twenty times a second") {
  Mutex mutex("demo");
  CHECK(mutex.lock() == Outcome::ok);
  Child waiter = Child::run([] {
    Mutex its("demo");
    expect(its.lock() == Outcome::ok, "lock");
    its.unlock();
    return 0;
  });
  wait_until_asleep(waiter.pid());
  std::this_thread::sleep_for(60ms);
  const auto before = sleeps_of(waiter.pid());
  std::this_thread::sleep_for(1s);
  CHECK(sleeps_of(waiter.pid()) - before <= 21);
  mutex.unlock();
  CHECK(waiter.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "a forked child has no part in its parent's mutex") {
  auto mutex = std::make_unique<Mutex>("demo");
  CHECK(mutex->lock() == Outcome::ok);
  for (const bool destroys : {false, true}) {
    Child child = Child::forked([&] {
      if (destroys) {
        mutex.reset();
        return 0;
      }
      for (const auto& act : std::vector<std::function<void()>>{[&] { (void)mutex->lock(); },
                                                                [&] { mutex->unlock(); }}) {
        try {
          act();
        } catch (const std::logic_error&) {
          continue;
        }
        return 1;
      }
      Mutex own("demo");
      return own.lock(Deadline::at_once()) == Outcome::timed_out ? 0 : 2;
    });
    CHECK(child.wait() == 0);
  }
  mutex->unlock();
}

TEST_CASE_FIXTURE(Case, "a child that lives on does not keep what its dead parent held") {
  struct Family {
    Gate ready;
    std::atomic<pid_t> heir{0};
  };
  Shared<Family> family;
  Child parent = Child::run([&] {
    Mutex its("demo");
    expect(its.lock() == Outcome::ok, "lock");
    const pid_t heir = ::fork();
    if (heir == 0) {
      for (;;) ::pause();
    }
    family->heir = heir;
    family->ready.open();
    for (;;) ::pause();
    return 0;
  });
  REQUIRE(family->ready.wait());
  parent.kill();
  {
    Mutex mutex("demo");
    CHECK(mutex.lock(Deadline::after(kAtOnce)) == Outcome::owner_died);
    mutex.unlock();
  }
  ::kill(family->heir, SIGKILL);
}

}  // namespace
}  // namespace sync_test

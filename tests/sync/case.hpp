// What the tests of synchronisation objects share.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/sys/call.hpp"
#include "ipc/sys/deadline.hpp"
#include "ipc/sys/error.hpp"
#include "tests/conformance/observers.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/shared.hpp"
#include "tests/sync/steps.hpp"

namespace sync_test {

using namespace std::chrono_literals;
using ipc::Deadline;
using test::Child;
using test::expect;
using test::Gate;
using test::Shared;

/// What nobody may wait longer for than this, who waits for a dead one.
constexpr auto kAtOnce = test::allowed(100ms);
/// For what takes far less.
constexpr auto kPatience = 20s;

/// How long this machine has kept us waiting for a processor so far, as one sees it who wants to be
/// woken every two milliseconds. Runs as long as a Case.
std::chrono::nanoseconds lost_to_others();

/// Measures time. What must not take long is measured without the time that the machine was too
/// busy with others: for those nobody here can help it.
class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - begin_; }
  std::chrono::nanoseconds of_ours() const { return elapsed() - (lost_to_others() - lost_); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::nanoseconds lost_ = lost_to_others();
};

class Case : public test::Guard {
 public:
  Case();
  ~Case();

 private:
  std::atomic<bool> runs_{false};
  std::atomic<bool> over_{false};
  std::thread metronome_;
};

/// How often a process has gone to sleep by itself so far.
long sleeps_of(pid_t pid);
/// Waits until a process sleeps in futex(2), so that what comes next meets a sleeper.
void wait_until_asleep(pid_t pid);

/// Whether a child ends within that time, well; it is waited for then.
bool ends_within(Child& child, std::chrono::nanoseconds span);

/// The trouble of the Error that it throws.
ipc::Trouble trouble_of(const std::function<void()>& act);
/// Its sentence.
std::string sentence_of(const std::function<void()>& act);

/// Runs `act` again and again, each time with another one of its first 30 system calls failing, in
/// several ways: that must be thrown, unless it is an EINTR, and no descriptor may stay open. `after`
/// runs behind each.
void fail_each_call(const std::function<void()>& act, const std::function<void()>& after);

/// Keeps `count` processes running that do `act` again and again, and kills one every 0.2 to 2 ms
/// for as long as `span` (five times that in a long test). Returns how many it has killed.
unsigned storm(unsigned count, std::chrono::nanoseconds span, const std::function<void()>& act);

}  // namespace sync_test

#include "tests/sync/case.hpp"

#include <cerrno>
#include <fstream>

namespace sync_test {
namespace {

std::string field_of(pid_t pid, const std::string& file, const std::string& name) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/" + file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name)) return line.substr(name.size());
  return "";
}

std::atomic<std::int64_t> lost = 0;

void keep_time(std::atomic<bool>& runs, const std::atomic<bool>& over) {
  runs = true;
  runs.notify_one();
  constexpr auto period = 2ms;
  auto last = std::chrono::steady_clock::now();
  while (!over) {
    std::this_thread::sleep_for(period);
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::nanoseconds late = now - last - period;
    if (late > period) lost += late.count();
    last = now;
  }
}

}  // namespace

std::chrono::nanoseconds lost_to_others() {
  return std::chrono::nanoseconds(lost);
}

// No child is forked before the thread runs: while it is made, memory is allocated, and the lock of GCC
// 12's address sanitizer for that would stay locked in a child for ever.
Case::Case()
    : Guard(test::is_long() ? 600s : 120s),
      metronome_(keep_time, std::ref(runs_), std::cref(over_)) {
  runs_.wait(false);
}

Case::~Case() {
  over_ = true;
  metronome_.join();
}

long sleeps_of(pid_t pid) {
  return std::stol(field_of(pid, "status", "voluntary_ctxt_switches:"));
}

void wait_until_asleep(pid_t pid) {
  const auto patience = Deadline::after(kPatience);
  while (!field_of(pid, "wchan", "").starts_with("futex")) {
    expect(!patience.expired(), "a process does not go to sleep");
    ::usleep(200);
  }
}

bool ends_within(Child& child, std::chrono::nanoseconds span) {
  const Stopwatch watch;
  while (child.is_running()) {
    if (watch.of_ours() > span) return false;
    ::usleep(200);
  }
  CHECK(child.wait() == 0);
  return true;
}

ipc::Trouble trouble_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const ipc::Error& error) {
    return error.trouble();
  }
  FAIL("no error was thrown");
  return ipc::Trouble::failed;
}

std::string sentence_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const ipc::Error& error) {
    return error.what();
  }
  return "no error was thrown";
}

void fail_each_call(const std::function<void()>& act, const std::function<void()>& after) {
  for (const int error : {EINTR, EMFILE, ENOSPC, ENOMEM, EIO})
    for (std::uint32_t call = 1; call < 30; ++call) {
      CAPTURE(error);
      CAPTURE(call);
      const auto before = test::open_descriptors();
      conformance::FailAt observer(call, error);
      ipc::sys::observe(&observer);
      try {
        act();
      } catch (const ipc::Error& thrown) {
        CHECK(error != EINTR);
        CHECK(thrown.code().value() == error);
      }
      ipc::sys::observe(nullptr);
      CHECK(test::open_descriptors() == before);
      after();
    }
}

unsigned storm(unsigned count, std::chrono::nanoseconds span, const std::function<void()>& act) {
  std::mt19937 random(12345);
  const auto start = [&] {
    return Child::run([&] {
      for (;;) act();
      return 1;
    });
  };
  std::vector<Child> victims(count);
  for (auto& victim : victims) victim = start();
  unsigned killed = 0;
  const auto end = Deadline::after(test::is_long() ? 10 * span : span);
  while (!end.expired()) {
    std::this_thread::sleep_for(std::chrono::microseconds(200 + random() % 1800));
    auto& victim = victims[random() % count];
    if (!victim.is_running()) FAIL("a victim ended by itself, with " << victim.wait());
    victim.kill();
    ++killed;
    victim = start();
  }
  for (auto& victim : victims) {
    if (!victim.is_running()) FAIL("a victim ended by itself, with " << victim.wait());
    victim.kill();
  }
  return killed + count;
}

}  // namespace sync_test

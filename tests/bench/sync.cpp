// What taking and giving back a mutex costs that nobody else wants, and what a change of a list does:
// bench-sync [ROUNDS]
//
// Beside our mutex, in the same run: the least that a futex mutex can be (one word, no owner, nobody
// would ever know of a death), and the C library's robust process-shared mutex.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/sync/list.hpp"
#include "ipc/sync/mutex.hpp"
#include "ipc/sys/futex.hpp"

namespace {

// 0 free, 1 taken, 2 taken and somebody may be waiting.
class PlainFutexMutex {
 public:
  __attribute__((noinline)) void lock() {
    std::uint32_t seen = 0;
    if (word_.compare_exchange_strong(seen, 1, std::memory_order_acquire)) return;
    while (word_.exchange(2, std::memory_order_acquire) != 0)
      ipc::sys::wait_futex(word_, 2, ipc::Deadline::never(), "");
  }
  __attribute__((noinline)) void unlock() {
    if (word_.exchange(0, std::memory_order_release) == 2) ipc::sys::wake_some_futex(word_, 1, "");
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

void* shared_memory() {
  void* room = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) std::abort();
  return room;
}

pthread_mutex_t& robust_mutex() {
  auto& mutex = *static_cast<pthread_mutex_t*>(shared_memory());
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&mutex, &attributes);
  return mutex;
}

// Nanoseconds a round, the best of several times: others use the machine as well.
double measure(std::uint64_t rounds, const std::function<void(std::uint64_t)>& act) {
  double best = 1e9;
  for (int i = 0; i < 7; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    act(rounds);
    const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - begin;
    best = std::min(best, span.count() / static_cast<double>(rounds));
  }
  return best;
}

// Puts one value of ten bytes in and takes it off again, in a list of so many.
void measure_list(const std::string& name, std::size_t count) {
  ipc::sync::List list(name);
  const std::vector<std::string_view> values(count, "0123456789");
  if (list.push(ipc::sync::End::back, values) != ipc::sync::Outcome::ok) std::abort();
  const std::uint64_t rounds = count > 10'000 ? 5 : 200;
  const double change = measure(rounds, [&](std::uint64_t left) {
    for (; left > 0; --left) {
      if (list.push(ipc::sync::End::back, values.empty() ? "0123456789" : values[0]) !=
          ipc::sync::Outcome::ok)
        std::abort();
      if (!list.pop(ipc::sync::End::back)) std::abort();
    }
  });
  const double read = measure(rounds, [&](std::uint64_t left) {
    for (; left > 0; --left)
      if (ipc::sync::List(name).values().size() != count) std::abort();
  });
  std::printf("  %7zu values   a change %8.1f   opened and read %8.1f\n", count, change / 2000,
              read / 1000);
  if (list.clear() != ipc::sync::Outcome::ok) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  const auto place = "/tmp/bench-sync." + std::to_string(::getpid());
  auto& plain = *new (shared_memory()) PlainFutexMutex;
  auto& robust = robust_mutex();
  ipc::sync::Mutex ours(place);
  const double a_plain = measure(rounds, [&](std::uint64_t count) {
    for (; count > 0; --count) {
      plain.lock();
      plain.unlock();
    }
  });
  const double a_robust = measure(rounds, [&](std::uint64_t count) {
    for (; count > 0; --count) {
      ::pthread_mutex_lock(&robust);
      ::pthread_mutex_unlock(&robust);
    }
  });
  const double one_of_ours = measure(rounds, [&](std::uint64_t count) {
    for (; count > 0; --count) {
      if (ours.lock() != ipc::sync::Outcome::ok) std::abort();
      ours.unlock();
    }
  });
  std::printf("lock and unlock, nobody else there, in nanoseconds:\n");
  std::printf("  plain futex mutex             %6.1f   1.00\n", a_plain);
  std::printf("  pthread, robust, shared       %6.1f   %.2f\n", a_robust, a_robust / a_plain);
  std::printf("  ipc::sync::Mutex              %6.1f   %.2f\n", one_of_ours, one_of_ours / a_plain);
  std::printf("a list of values of ten bytes, in microseconds:\n");
  for (const std::size_t count : {0U, 1'000U, 100'000U}) measure_list(place + ".list", count);
  return 0;
}

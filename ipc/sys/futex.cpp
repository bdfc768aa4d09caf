#include "ipc/sys/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <ctime>

#include "ipc/sys/call.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

// Where a mapping reaches beyond the end of its file, the kernel's own touch is EFAULT. Ours says
// the same in the way that can be guarded against (sys/sigbus.hpp).
bool is_lost(const Result& result, const std::atomic<std::uint32_t>& word) {
  if (result.error != EFAULT) return false;
  (void)word.load(std::memory_order_relaxed);
  return true;
}

// What FUTEX_WAIT_BITSET and futex_waitv(2) take: the end of the wait and not its length, so that
// neither we nor the kernel need to ask for the time.
std::timespec end_of(Deadline deadline) {
  const auto end = std::max(deadline.when().time_since_epoch(), Deadline::Clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(end);
  return {static_cast<std::time_t>(seconds.count()), static_cast<long>((end - seconds).count())};
}

// The call knows two words: it changes the second, wakes on the first, and wakes on the second too if
// that had a certain value. Here both are one, and then nobody is left to be woken.
void change_and_wake(std::atomic<std::uint32_t>& word, std::uint32_t operation, const char* name,
                     std::uint32_t operand, const char* why) {
  const std::uint32_t encoded =
      operation << 28 | std::uint32_t{FUTEX_OP_CMP_EQ} << 24 | (operand & 0xfff) << 12;
  const Result result = perform(
      "futex", why,
      [&] { return ::syscall(SYS_futex, &word, FUTEX_WAKE_OP, INT_MAX, 0L, &word, encoded); },
      [&] {
        return shown::list("addr", "FUTEX_WAKE_OP", INT_MAX, 0, "addr",
                           std::string(name) + " " + std::to_string(operand));
      });
  if (!is_lost(result, word)) result.check("");
}

}  // namespace

void wait_futex(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline,
                const char* why) {
  const std::timespec at = end_of(deadline);
  const Result result = perform_once(
      "futex", why,
      [&] {
        return ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected,
                         deadline.is_never() ? nullptr : &at, nullptr, FUTEX_BITSET_MATCH_ANY);
      },
      [&] {
        return shown::list("addr", "FUTEX_WAIT_BITSET", expected,
                           deadline.is_never() ? "NULL" : "deadline", "NULL",
                           "FUTEX_BITSET_MATCH_ANY");
      });
  if (is_lost(result, word)) return;
  if (result.error != EAGAIN && result.error != ETIMEDOUT && result.error != EINTR)
    result.check("");
}

void wait_futex_or(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::atomic<std::uint32_t>& stop, Deadline deadline, const char* why) {
  const auto part = [](std::atomic<std::uint32_t>& waited, std::uint32_t value) {
    return ::futex_waitv{value, reinterpret_cast<std::uintptr_t>(&waited), FUTEX_32, 0};
  };
  std::array parts{part(word, expected), part(stop, 0)};
  const std::timespec at = end_of(deadline);
  const Result result = perform_once(
      "futex_waitv", why,
      [&] {
        return ::syscall(SYS_futex_waitv, parts.data(), parts.size(), 0,
                         deadline.is_never() ? nullptr : &at, CLOCK_MONOTONIC);
      },
      [&] {
        return shown::list("[{val=" + std::to_string(expected) + ", addr}, {val=0, addr}]",
                           parts.size(), 0, deadline.is_never() ? "NULL" : "deadline",
                           "CLOCK_MONOTONIC");
      });
  if (is_lost(result, word)) return;
  if (result.error != EAGAIN && result.error != ETIMEDOUT && result.error != EINTR)
    result.check("");
}

void wake_futex(std::atomic<std::uint32_t>& word, const char* why) {
  wake_some_futex(word, INT_MAX, why);
}

void wake_some_futex(std::atomic<std::uint32_t>& word, int count, const char* why) {
  const Result result = perform(
      "futex", why,
      [&] { return ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0); },
      [&] { return shown::list("addr", "FUTEX_WAKE", count); });
  if (!is_lost(result, word)) result.check("");
}

void set_bits_and_wake(std::atomic<std::uint32_t>& word, std::uint32_t bits, const char* why) {
  change_and_wake(word, FUTEX_OP_OR, "FUTEX_OP_OR", bits, why);
}

void add_and_wake(std::atomic<std::uint32_t>& word, std::uint32_t number, const char* why) {
  change_and_wake(word, FUTEX_OP_ADD, "FUTEX_OP_ADD", number, why);
}

bool tell(Awaited& awaited, const char* why) {
  // Sequentially consistent with the waiter's store of `wanted` and its last look: either we see
  // that it waits, or it sees the change.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (awaited.wanted.load(std::memory_order_relaxed) == 0) return false;
  awaited.wanted.store(0, std::memory_order_relaxed);
  awaited.word.fetch_add(1, std::memory_order_release);
  wake_futex(awaited.word, why);
  return true;
}

}  // namespace ipc::sys

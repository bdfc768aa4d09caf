#include "ipc/sys/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "ipc/sys/call.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {

void wait_futex(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline,
                const char* why) {
  const std::timespec left = deadline.left_timespec();
  const Result result = perform_once(
      "futex", why,
      [&] {
        return ::syscall(SYS_futex, &word, FUTEX_WAIT, expected,
                         deadline.is_never() ? nullptr : &left, nullptr, 0);
      },
      [&] { return shown::list("addr", "FUTEX_WAIT", expected, "left"); });
  if (result.error != EAGAIN && result.error != ETIMEDOUT && result.error != EINTR)
    result.check("");
}

void wake_futex(std::atomic<std::uint32_t>& word, const char* why) {
  (void)perform(
      "futex", why,
      [&] { return ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0); },
      [&] { return shown::list("addr", "FUTEX_WAKE", INT_MAX); })
      .check("");
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

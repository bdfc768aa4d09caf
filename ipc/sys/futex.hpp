// futex(2): sleeping on a word of shared memory until somebody changes it.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "ipc/sys/deadline.hpp"

namespace ipc::sys {

/// Sleeps while `word` holds `expected`, until a wake_futex, the deadline or a signal. Spurious
/// returns are ordinary: look at the word again.
void wait_futex(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline,
                const char* why);
/// The same on two words (futex_waitv(2), Linux 5.16): while `word` holds `expected` and `stop` holds
/// 0.
void wait_futex_or(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::atomic<std::uint32_t>& stop, Deadline deadline, const char* why);
/// Wakes everybody who sleeps on `word`, in any process that maps it.
void wake_futex(std::atomic<std::uint32_t>& word, const char* why);
/// Wakes at most `count` of them.
void wake_some_futex(std::atomic<std::uint32_t>& word, int count, const char* why);

/// Changes `word` and wakes everybody who sleeps on it, by one system call (FUTEX_WAKE_OP): a process
/// that is killed has done both or neither, so that who sleeps there need not look at his neighbours.
void set_bits_and_wake(std::atomic<std::uint32_t>& word, std::uint32_t bits, const char* why);
void add_and_wake(std::atomic<std::uint32_t>& word, std::uint32_t number, const char* why);

/// A futex is a word of 32 bits; this is the one with the low bits of a word of 64.
inline std::atomic<std::uint32_t>& low_half(std::atomic<std::uint64_t>& word) {
  static_assert(std::endian::native == std::endian::little);
  return reinterpret_cast<std::atomic<std::uint32_t>&>(word);
}

/// Something in shared memory that is awaited now and then. Telling of it costs a load as long as
/// nobody waits.
struct Awaited {
  std::atomic<std::uint32_t> word;    ///< Changed at each telling that somebody waited for.
  std::atomic<std::uint32_t> wanted;  ///< 1: somebody waits. One who was killed leaves it so.
};

/// Sleeps until it is told or the deadline passes. `is_missing` is asked once more in between, so
/// that nothing told meanwhile is overlooked. Spurious returns are ordinary.
template <class IsMissing>
void await(Awaited& awaited, Deadline deadline, IsMissing is_missing, const char* why) {
  // Acquire: pairs with the release in tell(); a changed word comes with what it tells of.
  const auto word = awaited.word.load(std::memory_order_acquire);
  awaited.wanted.store(1, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (is_missing()) wait_futex(awaited.word, word, deadline, why);
}
/// To be called after the change that is told of; says whether anybody waited.
bool tell(Awaited& awaited, const char* why);

}  // namespace ipc::sys

// What the file of a synchronisation object holds, byte by byte.
//
//      0  Page     what it is and for how many
//    128  lock     the mutex itself; in other kinds the lock of whoever changes what follows
//    192  state    the kind's own words, one of the structs below
//    320  end      still there, so what stands before it is
//   4096  Slot[0]  one place for one party, which is a handle in some process
//   4160  Slot[1]  ...
//
// A party is known by its slot and the generation of that slot, a pair that never comes again. So a
// word that names a party names it for ever: whoever finds the name of a dead one there can replace
// it by one compare-and-swap, and cannot hit a successor by mistake.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ipc::sync {

enum class Kind : std::uint32_t { mutex = 1, semaphore, event, barrier, condition, timer, list };

/// What people call it ("a mutex"), and the programs that use it.
std::string_view name_of(Kind);
std::string_view programs_of(Kind);

inline constexpr char kMagic[8] = {'i', 'p', 'c', 'w', 'a', 'y', 's', 'S'};
inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::uint32_t kEnd = 0x53646e65;  // "endS"
inline constexpr std::size_t kHeader = 4096;
inline constexpr std::uint32_t kUsualParties = 256;
inline constexpr std::uint32_t kMostParties = 4096;

struct Page {
  char magic[8];
  std::atomic<std::uint32_t> version;  ///< Another at any later time: somebody has overwritten it.
  std::uint32_t max_parties;
  Kind kind;
  std::uint32_t numbers[2];  ///< What its maker decided, by kind: permits, or how many to await.
  std::atomic<std::uint32_t> used;  ///< How many slots, from the first, have ever had a party.
  char boot[40];                    ///< /proc/sys/kernel/random/boot_id; no party outlives a boot.
  alignas(64) std::atomic<std::uint64_t> lock;  ///< word_lock.hpp
  alignas(64) std::byte state[128];
  std::atomic<std::uint32_t> end;  ///< kEnd; where a file was cut the rest of its page reads as 0.
};
static_assert(offsetof(Page, lock) == 128 && offsetof(Page, state) == 192 &&
              offsetof(Page, end) == 320);
static_assert(sizeof(Page) <= kHeader);

/// numbers: those at first, and at most. Slot::word: permits held; kWaits while it wants one.
struct SemaphoreState {
  std::atomic<std::uint32_t> permits;  ///< That exist, whether somebody holds them or not.
  std::atomic<std::uint32_t> changes;  ///< A futex word: there may be more of them now.
};
inline constexpr std::uint64_t kWaits = std::uint64_t{1} << 32;

struct EventState {
  std::atomic<std::uint32_t> word;  ///< A futex word: bit 0, is it set; above, how often cleared.
};

/// numbers: how many meet. Slot::word: kWaits and the round that it waits for.
struct BarrierState {
  std::atomic<std::uint32_t> round;  ///< A futex word: how many rounds are over.
};

/// Slot::word: the ticket of one who waits. Slot::bell wakes it.
struct ConditionState {
  std::atomic<std::uint64_t> tickets;  ///< The last that was given.
  std::atomic<std::uint32_t> pending;  ///< How many of the oldest who wait may go.
};

struct TimerState {
  struct Setting {
    std::atomic<std::int64_t> due;     ///< Nanoseconds of CLOCK_MONOTONIC; 0 off.
    std::atomic<std::int64_t> period;  ///< Nanoseconds; 0 once.
  };
  std::atomic<std::uint32_t> version;  ///< A futex word; settings[version % 2] is in force.
  Setting settings[2];
};

struct ListState {
  struct Edition {
    std::atomic<std::uint64_t> size;   ///< EditionMark's; all 0 without values.
    std::atomic<std::uint64_t> begin;  ///< EditionMark's.
    std::atomic<std::uint64_t> check;  ///< EditionMark's.
    std::atomic<std::uint64_t> seal;   ///< Of all these, the version and the token.
  };
  std::atomic<std::uint32_t> version;  ///< A futex word; editions[version % 2] is in force.
  std::atomic<std::uint64_t> token;    ///< What its segments are called (edition.hpp); 0 none yet.
  Edition editions[2];
};

struct alignas(64) Slot {
  std::atomic<std::uint64_t> generation;  ///< Of the party that has or had this slot; 0 none yet.
  std::atomic<std::uint64_t> word;        ///< The kind's own, about this party; 0 at first.
  std::atomic<std::uint32_t> bell;        ///< A futex word.
  std::atomic<std::int32_t> pid;          ///< For people.
};
static_assert(sizeof(Slot) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

/// After this one a slot is not used any more: lock words have 32 bits for a generation.
inline constexpr std::uint64_t kLastGeneration = 0xffff'ffff;

inline std::size_t file_size(std::uint32_t max_parties) {
  return kHeader + (std::size_t{max_parties} * sizeof(Slot) + 4095) / 4096 * 4096;
}

/// Who: a slot and a generation.
struct Identity {
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;

  /// The byte of the file that this party keeps locked while it lives. Each has one of its own, far
  /// beyond the end of the file, where locks may lie as well; so a slot's next party is never taken
  /// for the one before.
  off_t byte(std::uint32_t max_parties) const {
    return static_cast<off_t>(1 + generation * max_parties + slot);
  }
};
/// The byte that serialises who comes and goes, behind those of all parties.
inline constexpr off_t kDoorByte = off_t{1} << 62;

template <class State>
State& state_of(Page& page) {
  static_assert(sizeof(State) <= sizeof page.state);
  return *reinterpret_cast<State*>(page.state);
}
template <class State>
const State& state_of(const Page& page) {
  return *reinterpret_cast<const State*>(page.state);
}

/// Whether an object that nobody is using differs in nothing from a new one.
bool is_as_new(const Page& page);
/// The files that may be left of such an object elsewhere.
std::vector<std::string> leftovers_of(const Page& page);

}  // namespace ipc::sync

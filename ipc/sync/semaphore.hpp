// A counting semaphore whose permits come back from the dead.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "ipc/sync/party.hpp"
#include "ipc/sync/word_lock.hpp"

namespace ipc::sync {

inline constexpr std::uint32_t kMostPermits = std::numeric_limits<std::int32_t>::max();

/// How many permits there are at first, and may be at most: what post() may not pass.
struct Permits {
  std::uint32_t initial = 0;
  std::uint32_t most = kMostPermits;
};

/// What is asked of the numbers of one that is there already.
enum class Found { must_agree, as_it_is };

/// Permits, of which each lets one in. They are used in two ways, which may be mixed:
///
/// acquire() and release(): a permit is held, and counted to its holder until that gives it back.
/// consume() and post(): a permit is used up, and belongs to nobody; somebody may make another.
/// That is what sem_wait(3) and sem_post(3) do, and what a counter of work to be done is.
///
/// When somebody dies, at any instruction: what it held is free again within 50 ms for whoever
/// waits, and at once for whoever comes; what it had consumed stays consumed and what it had posted
/// stays posted, and a call under way has done all or nothing. So at any time those that can be had
/// are those that were made, less those consumed, less those the living hold. A destructor gives
/// back what its handle holds.
///
/// How: the permits that exist are one word, and those a party holds one word in its own slot, which
/// counts as long as that party lives. What can be had is not written down anywhere but found by
/// adding up; so there are no two words that a death could leave in contradiction. Who takes a permit
/// does so in turn; to give one needs no turn and never waits.
class Semaphore {
 public:
  /// Makes it with so many permits. One that is there must have been made with the same numbers,
  /// unless it is welcome as it is.
  Semaphore(const std::string& name, Permits permits, const Options& options = {},
            Found found = Found::must_agree);
  /// Joins it as it is, or makes it with no permits and no bound.
  explicit Semaphore(const std::string& name, const Options& options = {})
      : Semaphore(name, Permits{}, options, Found::as_it_is) {}
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  /// Takes a permit as one's own; waits for one until the deadline. A handle may hold several.
  Outcome acquire(Deadline deadline = Deadline::never());
  /// Throws Error (EPERM) if this handle holds none.
  void release();
  /// Takes a permit for good.
  Outcome consume(Deadline deadline = Deadline::never());
  /// Makes permits. Throws Error (Trouble::limit, EOVERFLOW) if there would be more than may be,
  /// those included that somebody holds; then none is made.
  void post(std::uint32_t count = 1);

  /// How many can be had, this moment.
  std::uint32_t value();
  std::uint32_t held() const { return held_; }
  /// What it was made with.
  Permits permits() const;
  /// Party::heed().
  void heed(Stop& stop) { party_.heed(stop); }
  const sys::Path& path() const { return party_.path(); }

 private:
  Outcome take(Deadline deadline, bool for_good);
  std::uint32_t available() const;
  void give_back_of_the_dead() const;
  void tell(std::uint32_t count) const;

  Party party_;
  std::uint32_t held_ = 0;
};

}  // namespace ipc::sync

// The receiver's side: the queues of all senders, in the order in which each place had its owners.
//
// A place is a slot of the lease. Each of its owners brings a queue of its own, so a place is a line of
// queues: first those of owners who have ended, still to be emptied, last that of the present one.
// Only the first is read, and it goes when its owner was *seen to have ended before* it was found
// empty. What an owner's death has made unusable goes without being read.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipc/boosted/queue.hpp"
#include "ipc/sys/lease_page.hpp"

namespace ipc::boosted {

/// One thread at a time.
class Shelf {
 public:
  struct Terms {
    std::span<sys::Slot> slots;
    std::function<bool(std::uint32_t slot)> lives;  ///< Is the slot's byte locked?
    std::string object;                             ///< What the queues' names begin with.
    Geometry geometry;
  };
  explicit Shelf(Terms terms);

  /// Opens the queues of those who have come since. With `ask` it also asks the locks who has ended,
  /// and notes what is drained() from now on.
  void survey(bool ask);

  /// A frame, valid until the next take, and from whom.
  struct Taken {
    Bytes frame;
    std::uint32_t slot;
    std::uint32_t generation;
  };
  /// The next frame of whichever queue has one. A queue whose lock is not to be had is tried again
  /// after a while.
  std::optional<Taken> take();

  /// Whether all is out that was in this place's queues at the last survey that asked.
  bool drained(std::uint32_t slot) const;
  /// When a queue that could not be locked will be tried again.
  Deadline next_try() const { return Deadline::at(next_try_); }

 private:
  struct Owner {
    std::uint32_t generation;
    std::optional<Queue> queue{};
    bool is_over = false;   ///< It has ended, and puts in no more.
    bool is_lost = false;   ///< It died with the lock.
    bool is_asked = false;  ///< It was there at the last survey that asked ...
    std::uint32_t taken = 0;
    bool is_drained = false;  ///< ... and all that was in its queue then is out.
    Deadline::Clock::time_point rests_until{};
    std::chrono::milliseconds rest{};
  };
  struct Place {
    std::deque<Owner> owners;
    std::uint32_t generation = 0;  ///< Of the last owner that was seen.
    bool is_active = false;
  };

  void look_for_ends(std::uint32_t slot, bool ask);
  void open(std::uint32_t slot, Owner& owner);
  std::optional<Taken> take_from(std::uint32_t slot);
  void let_rest(Owner& owner);
  void drop_first(std::uint32_t slot);
  void tell_room(std::uint32_t slot);

  Terms terms_;
  std::vector<std::byte> room_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> active_;  ///< Places with a queue.
  std::size_t current_ = 0;            ///< In active_.
  unsigned turn_ = 0;                  ///< Frames taken from it in a row.
  Deadline::Clock::time_point next_try_ = Deadline::Clock::time_point::max();
};

}  // namespace ipc::boosted

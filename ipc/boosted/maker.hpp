// How a sender's queue comes to be there: completely, removable by its receiver, and never behind the
// back of one who has just removed the rest.
//
// It is made as NAME.new and renamed when it is complete, for whoever opens a queue that is being made
// waits for its maker. That happens while the take-over lock of the lease is held together with other
// makers, so that a killed maker leaves nothing that the receiver's end or the next receiver does not
// find (Seat::add_object).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ipc/boosted/queue.hpp"
#include "ipc/sys/seat.hpp"

namespace ipc::boosted {

/// What the receiver has decided, on the page of the lease.
struct Plan {
  Geometry geometry;
  std::uint32_t mode;
  std::uint32_t owner;  ///< The receiver's user ...
  std::uint32_t group;  ///< ... and group.
};

/// Makes the queue of the sender that has this seat, but has not entered it yet. The seat must outlive
/// it. One thread at a time.
class Maker {
 public:
  /// Throws Trouble::invalid if the receiver could not remove what this process makes.
  Maker(sys::Seat& seat, const Plan& plan);

  /// Empty as long as kMostFormer queues of former owners of the place are unread, or once the receiver
  /// has ended. Throws Trouble::limit if /dev/shm is full.
  std::optional<Queue> make();
  std::string name() const;

 private:
  Queue make_at(const std::string& fresh) const;
  void give_away(const std::string& path) const;

  sys::Seat& seat_;
  const Plan plan_;
  std::uint32_t generation_;  ///< Of this sender in its place.
};

}  // namespace ipc::boosted

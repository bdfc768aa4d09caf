#include "ipc/boosted/maker.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "ipc/boosted/name.hpp"
#include "ipc/sys/file.hpp"

namespace ipc::boosted {

Maker::Maker(sys::Seat& seat, const Plan& plan)
    : seat_(seat),
      plan_(plan),
      // Relaxed: the lock on the place, which its former owner has lost, orders this.
      generation_(
          sys::Tenure::unpacked(seat.slot().tenure.load(std::memory_order_relaxed)).generation +
          1) {
  // In /dev/shm only a file's owner may remove it; root can give it away.
  if (::geteuid() == plan_.owner || ::geteuid() == 0) return;
  throw Error(Trouble::invalid, EPERM,
              "connect " + seat_.path().full() + ": its receiver is of user " +
                  std::to_string(plan_.owner) +
                  ", who could not remove our queue from /dev/shm; boost-mq works within one user, "
                  "and from root");
}

std::string Maker::name() const {
  return queue_name(seat_.object(), seat_.slot_number(), generation_);
}

std::optional<Queue> Maker::make() {
  const auto removed = seat_.slot().frames.load(std::memory_order_acquire) >> 32;
  if (generation_ - removed > kMostFormer + 1) return std::nullopt;
  std::optional<Queue> queue;
  (void)seat_.add_object([&] {
    const auto fresh = name() + ".new";
    try {
      queue = make_at(fresh);
      give_away(queue_path(fresh));
      (void)sys::rename(queue_path(fresh), queue_path(name()), "complete: it may be opened")
          .check(fresh);
    } catch (...) {  // whatever it was: no half queue is left in /dev/shm
      (void)sys::unlink(queue_path(fresh), "it could not be made whole");
      throw;
    }
  });
  return queue;
}

Queue Maker::make_at(const std::string& fresh) const {
  const auto make = [&] { return Queue::make(fresh, plan_.geometry, plan_.mode); };
  if (auto queue = make()) return std::move(*queue);
  // This place is ours, so whoever has begun here is dead.
  (void)sys::unlink(queue_path(fresh), "left by one who was killed here");
  if (auto queue = make()) return std::move(*queue);
  throw Error("shm_open", "/" + fresh, EEXIST);
}

void Maker::give_away(const std::string& path) const {
  if (::geteuid() == plan_.owner) return;
  (void)sys::lchown(path, plan_.owner, plan_.group,
                    "the receiver's user has to be able to remove it")
      .check(path);
}

}  // namespace ipc::boosted

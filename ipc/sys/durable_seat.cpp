#include "ipc/sys/durable_seat.hpp"

#include <cstdint>
#include <utility>

#include "ipc/sys/file.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::sys {
namespace {

// Less than kLook by more than the coarse clock may be behind, so that whoever has waited for that
// long does ask.
constexpr auto kProofAge = std::chrono::milliseconds(200);

}  // namespace

DurableSeat::DurableSeat(const Path& path, const DurableTerms& terms, DurableObject object,
                         bool require_receiver)
    : path_(path), object_(std::move(object)), requires_receiver_(require_receiver) {
  DurableEntry entry = enter_durable(path_, terms, object_,
                                     require_receiver ? Role::sender_to_receiver : Role::sender);
  max_message_ = entry.page.max_message;
  object_path_ = object_path_of(path_, entry.page.home, object_of(entry.page));
  bell_path_ = bell_path_of(path_, object_of(entry.page));
  inode_ = entry.inode;
  occupancy_ = Occupancy(path_, entry.file.get(), entry.page);
  receiver_ = state().receivers.load(std::memory_order_relaxed);
  ask();
  entry.keep();
  // The lock on our byte and this one are of the same open file, which the mapping keeps open.
  unlock(entry.file.get(), kTakeOverByte, "others may come");
}

DurableSeat::~DurableSeat() {
  // Its user could not open what it had perhaps made: nobody need ever know.
  if (!occupancy_.has_entered()) leave();
}

void DurableSeat::leave() noexcept {
  if (!occupancy_.is_ours()) return;
  occupancy_.leave();
  occupancy_.give_back(
      [this](int query, Mapping& own) { leave_durable(path_, inode_, query, own, object_); });
}

void DurableSeat::ask() {
  lives_ = is_locked(occupancy_.query(), kReceiverByte, "does a receiver live?");
  over_ = over_ || (requires_receiver_ && !lives_) || !is_still(lease_path_of(path_), inode_);
  last_look_ = coarse_now();
}

bool DurableSeat::is_over() {
  // Costs a load: a receiver that was replaced within our last look is noticed all the same.
  if (requires_receiver_ && state().receivers.load(std::memory_order_relaxed) != receiver_)
    over_ = true;
  if (!over_ && coarse_now() - last_look_ >= kProofAge) ask();
  return over_;
}

bool DurableSeat::receiver_lives() {
  if (!lives_ || coarse_now() - last_look_ >= kProofAge) ask();
  return lives_ && !is_over();
}

bool DurableSeat::has_room(std::uint64_t put, std::uint64_t size) const {
  // Acquire: pairs with the receiver's release; what lies before the position has been read.
  const auto position = state().position.load(std::memory_order_acquire);
  // Below zero where a sender was killed before it could count what it had put in.
  const auto unread = static_cast<std::int64_t>(put - position);
  return unread <= 0 || static_cast<std::uint64_t>(unread) + size <=
                            state().capacity.load(std::memory_order_relaxed);
}

std::uint64_t DurableSeat::taken(std::uint64_t sent, std::uint64_t want, Deadline deadline) {
  return occupancy_.taken(sent, want, deadline, [this] { return receiver_lives(); });
}

void DurableSeat::flush() {
  (void)fdatasync(occupancy_.query(), "so that it survives a power cut")
      .check(lease_path_of(path_));
}

}  // namespace ipc::sys

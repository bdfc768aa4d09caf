#include "ipc/sys/seat.hpp"

#include <cerrno>

#include "ipc/sys/lease_file.hpp"
#include "ipc/sys/signal.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::sys {
namespace {

// Less than Seat::kLook by more than the coarse clock may be behind, so that whoever has waited for
// that long does ask.
constexpr auto kProofAge = std::chrono::milliseconds(200);

}  // namespace

Seat::Seat(const Path& path, std::string_view kind, const Precedence& precedence)
    : path_(path), lease_path_(lease_path_of(path)) {
  const Fd file = open_lease(lease_path_, "who receives here?");
  if (!file.is_open()) no_receiver();
  const LeasePage page = read_lease(file.get(), lease_path_);
  if (!is_locked(file.get(), kReceiverByte, "does the receiver live?")) no_receiver();
  const std::string its_kind = kind_of(page);
  if (its_kind != kind)
    throw Error(
        Trouble::invalid, EPROTOTYPE,
        "connect " + path_.full() + ": it is a " + its_kind + "; use " + its_kind + "-send");
  if (page.bare)
    throw Error(Trouble::invalid, EPROTOTYPE,
                "connect " + path_.full() + ": its receiver is bare; send with --bare");

  max_message_ = page.max_message;
  home_ = page.home;
  object_ = object_of(page);
  object_path_ = object_path_of(path_, home_, object_);
  bell_path_ = bell_path_of(path_, object_);
  inode_ = inode_of(file.get(), lease_path_);
  receiver_ = page.pid;
  receiver_start_ = page.start_time;
  occupancy_ = Occupancy(path_, file.get(), page, precedence.priority, [&] {
    return precedence.channel_is_empty && precedence.channel_is_empty(object_path_);
  });
}

void Seat::enter() {
  // The object was opened after the lease; if the lease is still the one under the name, and its
  // receiver lives, then lease and object are of one incarnation.
  if (!ask()) no_receiver();
  occupancy_.enter();
  last_proof_ = coarse_now();
}

bool Seat::add_object(const std::function<void()>& make) {
  const int fd = occupancy_.query();
  hold_off_take_over(fd, lease_path_);
  const auto let_go = [&] { unlock(fd, kTakeOverByte, "it is there, whoever removes may come"); };
  bool stays = false;
  try {
    stays = ask();
    if (stays) make();
  } catch (...) {  // whatever it was: while we hold on, nobody could remove or take over
    let_go();
    throw;
  }
  let_go();
  return stays;
}

bool Seat::ask() const {
  return is_locked(occupancy_.query(), kReceiverByte, "does the receiver live?") &&
         is_still(lease_path_, inode_);
}

bool Seat::receiver_lives() {
  if (gone_) return false;
  const auto now = coarse_now();
  if (now - last_proof_ < kProofAge) return true;
  gone_ = !ask();
  last_proof_ = now;
  return !gone_;
}

Fd Seat::open_receiver() const {
  const Result opened = open_pidfd(receiver_, "this process, and none that has its pid later");
  if (opened.error == ESRCH) no_receiver();
  Fd process(opened.check(lease_path_).fd());
  if (start_time_of(receiver_) != receiver_start_) {
    if (!ask()) no_receiver();  // it has just ended, and has no start time any more
    throw Error(Trouble::invalid, ESRCH,
                "connect " + path_.full() + ": its receiver, pid " + std::to_string(receiver_) +
                    " where it lives, is not to be seen from here (pid_namespaces(7))");
  }
  return process;
}

std::uint64_t Seat::taken(std::uint64_t sent, std::uint64_t want, Deadline deadline) {
  return occupancy_.taken(sent, want, deadline, [this] { return receiver_lives(); });
}

void Seat::no_receiver() const {
  throw Error(Trouble::no_receiver, ENXIO, "connect " + path_.full() + ": no receiver");
}

void check_speaks_bare(const Path& path) {
  const auto lease_path = lease_path_of(path);
  const Fd file = open_lease(lease_path, "is one of ours receiving here?");
  if (!file.is_open() || !is_locked(file.get(), kReceiverByte, "does it live?")) return;
  if (read_lease(file.get(), lease_path).bare) return;
  throw Error(Trouble::invalid, EPROTOTYPE,
              "connect " + path.full() + ": its receiver is not bare; send without --bare");
}

}  // namespace ipc::sys

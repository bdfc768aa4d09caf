// A sender's place in a receiver's lease.
//
// A sender takes the first free byte 1+slot of the lease file and keeps it locked for its life, so
// that the receiver can see it end however it ends. Then it writes itself into the slot
// (sys/occupancy.hpp).
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/name.hpp"
#include "ipc/sys/occupancy.hpp"

namespace ipc::sys {

/// For a channel whose messages overtake each other by priority. What a slot's last owner left in it
/// must come out before anything of ours, or it would be taken for bytes of nobody. So a free slot
/// whose last owner had a lower priority is taken only while the channel is empty.
struct Precedence {
  unsigned priority = 0;
  std::function<bool(const std::string& object_path)> channel_is_empty{};
};

/// One thread at a time. The order for its user: construct, open the object, nudge the receiver,
/// enter(). The destructor of a seat that has not left() says nothing: the receiver learns of a
/// death.
class Seat {
 public:
  /// Locks a free slot of the live receiver under `path`. Throws Trouble::no_receiver if there is
  /// none, Trouble::invalid if it receives over another kind than `kind`, Trouble::limit if all of
  /// its slots are taken.
  Seat(const Path& path, std::string_view kind, const Precedence& precedence = {});

  /// Writes this sender into its slot. Throws Trouble::no_receiver if the receiver has ended, or
  /// given way to another, since the slot was locked.
  void enter();
  void show_pid(pid_t pid) { occupancy_.show_pid(pid); }

  /// Runs `make`, which makes something that goes with the receiver's object. Whoever ends or takes
  /// over the receiver waits until that is done, so that it cannot be overlooked; a stopped process
  /// makes it wait two seconds at most. False, without running it, if the receiver has ended. Throws
  /// what `make` throws.
  bool add_object(const std::function<void()>& make);

  /// Says goodbye: all that was sent is in the channel, and nothing more will come.
  void leave() noexcept { occupancy_.leave(); }

  const std::string& object_path() const { return object_path_; }
  const Path& path() const { return path_; }
  /// The object's own name, and where it lives.
  const std::string& object() const { return object_; }
  Home home() const { return home_; }
  /// Where the object's bell stands, for kinds that have one (sys/bell.hpp).
  const std::string& bell_path() const { return bell_path_; }
  std::size_t max_message() const { return max_message_; }
  /// Room on the lease's page for what the kind itself shares (Lease::kind_room).
  void* kind_room() const { return kind_room_of(occupancy_.data()); }
  /// The receiver's process, as a pidfd: of the one that has written the lease and holds it, once
  /// enter() has succeeded after this. Throws Trouble::invalid if its pid means another process here,
  /// in another pid name space.
  Fd open_receiver() const;
  /// Our own slot, and all of them.
  Slot& slot() const { return slots()[slot_number()]; }
  std::span<Slot> slots() const { return slots_of(occupancy_.data(), max_senders()); }
  std::uint32_t max_senders() const { return occupancy_.max_senders(); }
  std::uint32_t slot_number() const { return occupancy_.slot_number(); }
  /// What this sender's frames carry; valid from enter() on.
  std::uint32_t id() const { return occupancy_.id(); }

  /// Whether the receiver that this seat belongs to lived within the last 250 ms. Asks the kernel
  /// (1 µs) at most four times a second, else looks at a coarse clock (5 ns). Once false, for ever.
  bool receiver_lives();
  /// Whether nothing more can be sent from here: the same, as a durable seat calls it.
  bool is_over() { return !receiver_lives(); }
  /// Waits of one who waits for the receiver are at most this long, and then ask again.
  static constexpr auto kLook = std::chrono::milliseconds(250);

  /// Sender::taken() for a sender that has sent `sent` messages.
  std::uint64_t taken(std::uint64_t sent, std::uint64_t want, Deadline deadline);

 private:
  bool ask() const;
  [[noreturn]] void no_receiver() const;

  Path path_;
  std::string lease_path_;
  std::string object_path_;
  std::string object_;
  Home home_ = Home::none;
  std::string bell_path_;
  std::size_t max_message_ = 0;
  std::uint64_t inode_ = 0;
  pid_t receiver_ = 0;
  std::uint64_t receiver_start_ = 0;
  Occupancy occupancy_;
  bool gone_ = false;
  std::chrono::nanoseconds last_proof_{};
};

/// For bare senders, which take no seat: throws if a live receiver of ours under `path` expects
/// frames, because it would take what it is sent for garbage.
void check_speaks_bare(const Path& path);

}  // namespace ipc::sys

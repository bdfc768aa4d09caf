// Lease files as such: how they are made, read, found dead and removed, whoever does it. What they
// mean for a receiver is in sys/lease.hpp and sys/durable_lease.hpp, for a sender in sys/seat.hpp.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/lease_page.hpp"
#include "ipc/sys/name.hpp"

namespace ipc::sys {

/// What the maker of a lease decides.
struct LeaseTerms {
  std::string_view kind;
  Home home = Home::path;
  mode_t mode = 0600;
  std::size_t max_message = 0;
  std::uint32_t max_senders = 0;
  bool bare = false;                       ///< The object is the address itself.
  bool durable = false;                    ///< The object outlives its receivers.
  std::span<const std::byte> kind_room{};  ///< What stands there from the beginning.
  std::string object{};  ///< With Home::none: what leads to it, if anything does, as HOST:PORT.
};

std::string lease_path_of(const Path& path);
/// Where the object of that name is, and where its bell.
std::string object_path_of(const Path& path, Home home, const std::string& object);
std::string bell_path_of(const Path& path, const std::string& object);
/// Whether objects of this home lie elsewhere than beside the lease, under names "ipc.TOKEN".
bool is_far(Home home);
/// A name for a new object.
std::string new_object_name(Home home, std::string_view kind);

/// A page with this process as its receiver.
LeasePage new_page(const LeaseTerms& terms, const std::string& object);
/// What stands in the lease of a dead or live receiver, checked; throws Trouble::corrupt if it is
/// none of this version.
LeasePage read_lease(int fd, const std::string& lease_path);
/// "fifo-recv (pid 4711)"
std::string holder_of(const LeasePage& page);
/// When that process was started, in clock ticks after boot: field 22 of /proc/PID/stat, proc(5); 0
/// if there is none.
std::uint64_t start_time_of(pid_t pid);
std::string kind_of(const LeasePage& page);
std::string object_of(const LeasePage& page);

/// Opens the lease for reading and writing; closed if there is none.
Fd open_lease(const std::string& lease_path, const char* why);
std::uint64_t inode_of(int fd, const std::string& object);
/// Whether this path leads to that inode now. Throws if it cannot be found out.
bool is_still(const std::string& path, std::uint64_t inode);

/// Makes a lease file under a name of its own, `.NAME.lease.TOKEN`, filled and with `byte` locked
/// from its first moment, so that a newcomer who finds it unlocked knows that its maker is dead.
struct TemporaryLease {
  std::string path;
  Fd file;
};
TemporaryLease make_temporary_lease(const Path& path, const LeasePage& page, mode_t mode,
                                    off_t byte, std::span<const std::byte> kind_room = {});
/// Removes the temporary leases of dead makers, with the objects that they name.
void sweep_temporaries(const Path& path);

/// Takes the byte that serialises all who make, replace or remove what a name stands for. Throws
/// Trouble::in_use if somebody has it for two seconds, which only one who was stopped does.
void lock_take_over(int fd, const std::string& lease_path);
/// Takes the same byte together with others who do this: until it is unlocked nobody removes anything.
void hold_off_take_over(int fd, const std::string& lease_path);

/// Makes the address a symbolic link to the object. Throws Trouble::in_use if something that is not
/// ours has the name.
void link_address(const Path& path, const std::string& object);
/// Removes one object; false if it is still there.
bool remove_from(Home home, const std::string& object_path, const char* why);
/// Removes the address of a bare lease, which is the object itself; false if it is still there.
/// Only a FIFO or a socket can be ours, never a file that somebody put there: that stays.
bool remove_address(const Path& path, const char* why);
/// Removes the object that the page names, and the address if that leads to an object of ours.
void remove_object(const LeasePage& page, const Path& path);
/// The object alone, whoever has the address.
void remove_object_itself(const LeasePage& page, const Path& path);

/// Removes lease and object under `path`, damaged or whole, unread messages included, if no receiver
/// lives; throws Trouble::in_use if one does.
void remove_dead(const Path& path);

}  // namespace ipc::sys

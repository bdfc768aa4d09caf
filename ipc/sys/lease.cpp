#include "ipc/sys/lease.hpp"

#include <fcntl.h>

#include <cerrno>
#include <exception>

#include "ipc/sys/file.hpp"
#include "ipc/sys/lease_file.hpp"

namespace ipc::sys {

Lease::Lease(const Path& path, const Terms& terms,
             const std::function<void(const std::string&)>& make)
    : path_(path),
      object_(!terms.object.empty() ? terms.object
              : terms.bare          ? path.name
                                    : new_object_name(terms.home, terms.kind)),
      lease_path_(lease_path_of(path)),
      max_senders_(terms.max_senders),
      // What has the address of a bare lease may be anybody's until `make` has returned.
      home_(terms.bare ? Home::none : terms.home),
      linked_(terms.home == Home::path && !terms.bare),
      fork_generation_(fork_generation()) {
  prepare_directory(path_);
  sweep_temporaries(path_);
  try {
    make_temporary(terms);
    if (!terms.bare) make(object_path());
    publish();
    if (terms.bare) {
      // A bare object has the address for its name, which is ours to make only now.
      make(object_path());
      home_ = terms.home;
    }
    if (linked_) link_address(path_, object_);
  } catch (...) {  // whatever it was: there will be no destructor to undo what has been made
    end();
    throw;
  }
}

void Lease::adopt(Home home) {
  static_cast<LeasePage*>(mapping_.data())->home = home_ = home;
}

std::string Lease::object_path() const {
  return object_path_of(path_, home_, object_);
}

std::string Lease::bell_path() const {
  return bell_path_of(path_, object_);
}

Lease::~Lease() {
  if (fork_generation_ == fork_generation()) end();
}

bool Lease::sender_lives(std::uint32_t slot) const {
  return is_locked(query_.get(), kFirstSenderByte + slot, "does this sender live?");
}

bool Lease::any_sender_lives() const {
  return is_any_locked(query_.get(), kFirstSenderByte, max_senders_, "does any sender live?");
}

void Lease::make_temporary(const Terms& terms) {
  auto made = make_temporary_lease(path_, new_page(terms, object_), terms.mode, kReceiverByte,
                                   terms.kind_room);
  temporary_ = made.path;
  inode_ = inode_of(made.file.get(), temporary_);
  mapping_ = Mapping(made.file.get(), lease_size(max_senders_),
                     "keeps the lock after the descriptor is closed");
  query_ = Fd(open(temporary_, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0, "to ask about others' locks")
                  .check(temporary_)
                  .fd());
}

void Lease::publish() {
  for (;;) {
    const Result renamed =
        rename_noreplace(temporary_, lease_path_, "the name is ours if it is free");
    if (renamed.ok()) break;
    if (renamed.error != EEXIST) renamed.check(lease_path_);
    if (replace_dead()) break;
  }
  temporary_.clear();
}

// False if the lease changed hands meanwhile; then all starts again.
bool Lease::replace_dead() {
  const Fd old = open_lease(lease_path_, "whose lease is it?");
  if (!old.is_open()) return false;
  lock_take_over(old.get(), lease_path_);
  if (!is_still(lease_path_, inode_of(old.get(), lease_path_))) return false;
  const LeasePage page = read_lease(old.get(), lease_path_);
  if (is_locked(old.get(), kReceiverByte, "does its receiver live?"))
    throw Error(
        Trouble::in_use, EADDRINUSE,
        "listen " + path_.full() + ": in use by " + holder_of(page) + ", over " + kind_of(page));
  if (page.durable)
    throw Error(Trouble::in_use, EEXIST,
                "listen " + path_.full() + ": is a " + kind_of(page) +
                    ", whose messages may wait for a receiver; receive or remove them first");
  remove_object(page, path_);
  (void)rename(temporary_, lease_path_, "the dead one's name is ours").check(lease_path_);
  return true;
}

// Whatever has been made so far goes, in the order in which a killed remover would leave the least:
// the lease last, because it tells where the rest is.
void Lease::end() noexcept {
  if (inode_ == 0) return;
  try {
    if (!temporary_.empty()) {
      // A lease whose object cannot be removed stays, and lets a later newcomer try again.
      if (object_ != path_.name && !remove_from(home_, object_path(), "the name was not to be had"))
        return;
      (void)unlink(temporary_, "the name was not to be had");
      return;
    }
    if (!query_.is_open()) return;
    lock_take_over(query_.get(), lease_path_);
    if (!is_still(lease_path_, inode_)) return;
    if (linked_ && readlink(path_.full(), "does it still lead to our object?") == object_)
      (void)unlink(path_.full(), "a clean end");
    const bool is_address = home_ == Home::path && object_ == path_.name;
    if (is_address ? !remove_address(path_, "a clean end")
                   : !remove_from(home_, object_path(), "a clean end"))
      return;
    if (is_far(home_) && object_ != path_.name) (void)unlink(bell_path(), "a clean end");
    (void)unlink(lease_path_, "a clean end");
  } catch (const std::exception&) {
    // A name that cannot be removed now is taken over by the next receiver like one that was left
    // by a kill; there is nobody here to tell.
  }
}

}  // namespace ipc::sys

#include "ipc/sys/durable_lease.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "ipc/sys/file.hpp"

namespace ipc::sys {
namespace {

constexpr std::uint32_t kUsualSlots = 64;

std::string named(const char* verb, const Path& path) {
  return std::string(verb) + " " + path.full() + ": ";
}

// The state as it stands in the lease of an object that nobody is connected to.
bool is_empty(const DurableObject& object, const Path& path, int lease, const LeasePage& page) {
  const Mapping look(lease, kLeaseHeader, "to see whether anything is unread");
  return object.is_empty(object_path_of(path, page.home, object_of(page)),
                         durable_state_of(look.data()));
}

void remove_all(const Path& path, const LeasePage& page, const char* why) {
  remove_object(page, path);
  // The lease last, because it tells where the rest is.
  (void)unlink(lease_path_of(path), why);
}

// Empty if somebody else was faster.
std::optional<DurableEntry> make(const Path& path, const DurableTerms& terms,
                                 const DurableObject& object) {
  sweep_temporaries(path);
  const mode_t mode = terms.mode.value_or(0600);
  DurableEntry entry;
  entry.page =
      new_page({.kind = terms.kind,
                .home = terms.home,
                .max_message = terms.max_message,
                .max_senders = static_cast<std::uint32_t>(terms.max_senders.value_or(kUsualSlots)),
                .durable = true},
               object_name(std::string(terms.kind)));
  auto made = make_temporary_lease(path, entry.page, mode, kTakeOverByte);
  entry.file = std::move(made.file);
  bool has_name = false;
  try {
    entry.inode = inode_of(entry.file.get(), made.path);
    {
      const Mapping page(entry.file.get(), kLeaseHeader, "to note the capacity");
      durable_state_of(page.data()).capacity.store(terms.capacity, std::memory_order_relaxed);
    }
    object.make(object_path_of(path, terms.home, object_of(entry.page)), mode);
    const Result renamed =
        rename_noreplace(made.path, lease_path_of(path), "the name, if it is free");
    if (renamed.error == EEXIST) {
      remove_object_itself(entry.page, path);
      (void)unlink(made.path, "somebody else was faster");
      return std::nullopt;
    }
    has_name = renamed.check(lease_path_of(path)).ok();
    link_address(path, object_of(entry.page));
    entry.made_for = path;
  } catch (...) {  // whatever it was: what has been made so far goes, the name last
    remove_object_itself(entry.page, path);
    (void)unlink(has_name ? lease_path_of(path) : made.path, "the name was not to be had");
    throw;
  }
  return entry;
}

[[noreturn]] void refuse_second(const LeasePage& page, const Path& path) {
  throw Error(Trouble::in_use, EADDRINUSE,
              named("listen", path) + "in use by " + holder_of(page) + ", over " + kind_of(page));
}

void check_is(const LeasePage& page, const Path& path, const DurableTerms& terms, Role role,
              bool receives) {
  const auto kind = kind_of(page);
  if (kind == terms.kind && page.durable && !page.bare) return;
  if (role == Role::receiver && receives) refuse_second(page, path);
  if (role == Role::receiver)
    throw Error(Trouble::in_use, EEXIST,
                named("listen", path) + "is a " + kind +
                    ", whose messages may wait for a receiver; receive or remove them first");
  if (kind == terms.kind)
    throw Error(Trouble::invalid, EPROTOTYPE,
                named("connect", path) + "its receiver is bare; send with --bare");
  throw Error(Trouble::invalid, EPROTOTYPE,
              named("connect", path) + "it is a " + kind + "; use " + kind + "-send");
}

}  // namespace

DurableEntry::~DurableEntry() {
  if (file.is_open() && made_for) remove_all(*made_for, page, "its maker could not go on");
}

mode_t directory_mode(mode_t files) {
  return files | (files & 0444) >> 2 | (files & 0222) >> 1;
}

DurableEntry enter_durable(const Path& path, const DurableTerms& terms, const DurableObject& object,
                           Role role) {
  const auto lease_path = lease_path_of(path);
  if (role != Role::sender_to_receiver) prepare_directory(path);
  if (role == Role::receiver) sweep_temporaries(path);
  for (;;) {
    DurableEntry entry;
    entry.file = open_lease(lease_path, "who is here?");
    const int lease = entry.file.get();
    if (!entry.file.is_open()) {
      if (role == Role::sender_to_receiver)
        throw Error(Trouble::no_receiver, ENXIO, named("connect", path) + "no receiver");
      if (auto made = make(path, terms, object)) return std::move(*made);
      continue;
    }
    // A look that saves most who come in vain the byte that the others wait for.
    if (role == Role::receiver && is_locked(lease, kReceiverByte, "does a receiver live?"))
      refuse_second(read_lease(lease, lease_path), path);
    lock_take_over(lease, lease_path);
    entry.inode = inode_of(lease, lease_path);
    if (!is_still(lease_path, entry.inode)) continue;
    entry.page = read_lease(lease, lease_path);
    const bool receives = is_locked(lease, kReceiverByte, "does a receiver live?");
    if (role == Role::sender_to_receiver && !receives)
      throw Error(Trouble::no_receiver, ENXIO, named("connect", path) + "no receiver");
    if (!entry.page.durable && !receives) {
      remove_all(path, entry.page, "its receiver is dead");
      continue;
    }
    check_is(entry.page, path, terms, role, receives);
    if (role == Role::receiver && receives) refuse_second(entry.page, path);
    const bool alone = !receives && !is_any_locked(lease, kFirstSenderByte, entry.page.max_senders,
                                                   "is any sender connected?");
    struct stat about {};
    const auto object_path = object_path_of(path, entry.page.home, object_of(entry.page));
    const bool missing = lstat(object_path, about, "is the object there?").error == ENOENT;
    if (alone && (missing || is_empty(object, path, lease, entry.page))) {
      remove_all(path, entry.page, "nobody is here and nothing is unread: made anew");
      continue;
    }
    if (missing)
      throw Error(Trouble::corrupt, ENOENT, "open " + object_path + ": somebody removed it");
    if (alone && object.mend) object.mend(object_path);
    return entry;
  }
}

void leave_durable(const Path& path, std::uint64_t inode, int query, Mapping& own,
                   const DurableObject& object) noexcept {
  try {
    const auto lease_path = lease_path_of(path);
    lock_take_over(query, lease_path);
    own = Mapping();  // our lock goes while nobody else can come or go
    if (is_still(lease_path, inode)) {
      const LeasePage page = read_lease(query, lease_path);
      const bool anybody =
          is_any_locked(query, kReceiverByte, off_t{1} + page.max_senders, "is anybody left?");
      if (!anybody && is_empty(object, path, query, page))
        remove_all(path, page, "the last has left and nothing is unread");
    }
    unlock(query, kTakeOverByte, "others may come");
  } catch (const std::exception&) {
    // What cannot be removed now stays, like something unread; there is nobody here to tell.
  }
}

DurableLease::DurableLease(const Path& path, const DurableTerms& terms, DurableObject object)
    : path_(path), object_(std::move(object)), fork_generation_(fork_generation()) {
  DurableEntry entry = enter_durable(path_, terms, object_, Role::receiver);
  const auto lease_path = lease_path_of(path_);
  max_senders_ = entry.page.max_senders;
  if (terms.max_senders && *terms.max_senders != max_senders_)
    throw Error(Trouble::invalid, EINVAL,
                named("listen", path_) + "has " + std::to_string(max_senders_) +
                    " places for senders, and not all that it holds has been read; max_senders = " +
                    std::to_string(*terms.max_senders) + " is possible once it is empty");
  const int file = entry.file.get();
  // Free: enter_durable saw it, and nobody comes while the take-over byte is held.
  if (!try_lock(file, kReceiverByte, "from now on this process is the receiver"))
    throw Error(Trouble::in_use, EADDRINUSE, named("listen", path_) + "in use");
  LeasePage page = new_page({.kind = terms.kind,
                             .home = terms.home,
                             .max_message = terms.max_message,
                             .max_senders = max_senders_,
                             .durable = true},
                            object_of(entry.page));
  (void)pwrite(file, std::as_bytes(std::span(&page, 1)), 0, "who receives now").check(lease_path);
  object_path_ = object_path_of(path_, page.home, object_of(page));
  bell_path_ = bell_path_of(path_, object_of(page));
  inode_ = entry.inode;
  if (terms.mode) {
    (void)fchmod(file, *terms.mode, "this receiver's mode").check(lease_path);
    const mode_t mode = terms.home == Home::directory ? directory_mode(*terms.mode) : *terms.mode;
    (void)chmod(object_path_, mode, "this receiver's mode").check(object_path_);
  }
  query_ = Fd(open("/proc/self/fd/" + std::to_string(file), O_RDWR | O_CLOEXEC, 0,
                   "to ask about others' locks")
                  .check(lease_path)
                  .fd());
  mapping_ =
      Mapping(file, lease_size(max_senders_), "keeps the lock after the descriptor is closed");
  state().capacity.store(terms.capacity, std::memory_order_relaxed);
  state().receivers.fetch_add(1, std::memory_order_relaxed);
  entry.keep();
  unlock(file, kTakeOverByte, "others may come");
}

DurableLease::~DurableLease() {
  if (fork_generation_ == fork_generation())
    leave_durable(path_, inode_, query_.get(), mapping_, object_);
}

bool DurableLease::sender_lives(std::uint32_t slot) const {
  return is_locked(query_.get(), kFirstSenderByte + slot, "does this sender live?");
}

bool DurableLease::any_sender_lives() const {
  return is_any_locked(query_.get(), kFirstSenderByte, max_senders_, "does any sender live?");
}

void DurableLease::flush() {
  (void)fdatasync(query_.get(), "so that it survives a power cut").check(lease_path_of(path_));
}

}  // namespace ipc::sys

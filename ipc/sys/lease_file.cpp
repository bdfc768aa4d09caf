#include "ipc/sys/lease_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <vector>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/lock.hpp"
#include "ipc/sys/mqueue.hpp"
#include "ipc/sys/sysv.hpp"

namespace ipc::sys {
namespace {

// A take-over is a handful of system calls, so whoever holds byte 2^62 is done in microseconds or
// dead; longer than this only if somebody stopped it.
constexpr auto kTakeOverPatience = std::chrono::seconds(2);

template <std::size_t N>
void put_text(char (&field)[N], std::string_view text) {
  const auto length = std::min(text.size(), N - 1);
  std::memcpy(field, text.data(), length);
  field[length] = '\0';
}

template <std::size_t N>
std::string get_text(const char (&field)[N]) {
  return {field, ::strnlen(field, N)};
}

bool is_gone(const Result& removed) {
  return removed.ok() || removed.error == ENOENT;
}

void lock_patiently(const std::string& lease_path, const std::function<bool()>& try_once) {
  if (!try_until(Deadline::after(kTakeOverPatience), try_once))
    throw Error(Trouble::in_use, EBUSY,
                "lease " + lease_path + ": somebody has been taking it over for two seconds");
}

// All files in /dev/shm whose names go on behind `object_path`; false if one is still there.
bool remove_queues(const std::string& object_path, const char* why) {
  const std::filesystem::path object = object_path;
  const auto prefix = object.filename().string() + ".";
  const Result directory = open(object.parent_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, why);
  if (!directory.ok()) return false;
  std::vector<std::string> names;
  bool all_gone = read_directory(Fd(directory.fd()).get(), names, why).ok();
  for (const auto& name : names)
    if (name.starts_with(prefix))
      all_gone = is_gone(unlink(object.parent_path() / name, why)) && all_gone;
  return all_gone;
}

}  // namespace

std::string object_path_of(const Path& path, Home home, const std::string& object) {
  switch (home) {
    case Home::shm:
    case Home::shm_queues:
      return "/dev/shm/" + object;
    case Home::mqueue:
      return "/" + object;
    case Home::sysv_queue:
      return message_queue_key(object);
    case Home::none:
    case Home::path:
    case Home::abstract:
    case Home::directory:
      break;
  }
  return path.in(object);
}

bool is_far(Home home) {
  return home == Home::shm || home == Home::mqueue || home == Home::sysv_queue ||
         home == Home::shm_queues;
}

std::string new_object_name(Home home, std::string_view kind) {
  if (!is_far(home)) return object_name(std::string(kind));
  // Keys of System V are 32 bits and everybody's, so that a random one may be taken.
  for (;;) {
    const auto name = far_object_name();
    key_t key = 0;
    if (home != Home::sysv_queue || !read_key(message_queue_key(name), key) ||
        find_message_queue(key, "is this key free?").error == ENOENT)
      return name;
  }
}

std::string bell_path_of(const Path& path, const std::string& object) {
  // Of "ipc.TOKEN" as well as of ".TOKEN.KIND".
  return path.in("." + object.substr(object.find('.') + 1, kTokenDigits) + ".bell");
}

std::string lease_path_of(const Path& path) {
  return path.in("." + path.name + ".lease");
}

std::string holder_of(const LeasePage& page) {
  return get_text(page.program) + " (pid " + std::to_string(page.pid) + ")";
}

std::uint64_t start_time_of(pid_t pid) {
  const auto line = read_text("/proc/" + std::to_string(pid) + "/stat", "when was it started?");
  if (line.empty()) return 0;
  // The second field is the program's name in parentheses and may contain anything; proc(5).
  std::istringstream rest(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) rest >> field;
  return field.empty() ? 0 : std::stoull(field);
}

std::string kind_of(const LeasePage& page) {
  return get_text(page.kind);
}

std::string object_of(const LeasePage& page) {
  return get_text(page.object);
}

LeasePage new_page(const LeaseTerms& terms, const std::string& object) {
  LeasePage page{};
  std::memcpy(page.magic, kLeaseMagic, sizeof page.magic);
  page.version = kLeaseVersion;
  page.max_senders = terms.max_senders;
  page.max_message = terms.max_message;
  put_text(page.kind, terms.kind);
  put_text(page.object, object);
  page.home = terms.home;
  page.bare = terms.bare ? 1 : 0;
  page.durable = terms.durable ? 1 : 0;
  page.pid = ::getpid();
  page.start_time = start_time_of(page.pid);
  put_text(page.program, program_invocation_short_name);
  return page;
}

namespace {

// What it says, however damaged the rest may be.
LeasePage read_page(int fd, const std::string& lease_path) {
  LeasePage page{};
  const Result got = pread(fd, std::as_writable_bytes(std::span(&page, 1)), 0, "who receives?");
  if (got.check(lease_path).count() != sizeof page ||
      std::memcmp(page.magic, kLeaseMagic, sizeof page.magic) != 0)
    throw Error(Trouble::corrupt, EINVAL, "lease " + lease_path + ": is no lease file");
  return page;
}

}  // namespace

LeasePage read_lease(int fd, const std::string& lease_path) {
  struct stat about {};
  (void)fstat(fd, about, "is it as long as a lease?").check(lease_path);
  const LeasePage page = read_page(fd, lease_path);
  if (page.version != kLeaseVersion)
    throw Error(Trouble::corrupt, EINVAL,
                "lease " + lease_path + ": has version " + std::to_string(page.version) +
                    ", this program speaks version " + std::to_string(kLeaseVersion));
  if (page.max_senders == 0 || page.max_senders > kMostSlots ||
      about.st_size != static_cast<off_t>(lease_size(page.max_senders)))
    throw Error(Trouble::corrupt, EINVAL, "lease " + lease_path + ": is damaged");
  return page;
}

Fd open_lease(const std::string& lease_path, const char* why) {
  const Result opened = open(lease_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0, why);
  if (opened.error == ENOENT || opened.error == ENOTDIR) return Fd();
  opened.check(lease_path);
  return Fd(opened.fd());
}

std::uint64_t inode_of(int fd, const std::string& object) {
  struct stat about {};
  (void)fstat(fd, about, "which file is it?").check(object);
  return about.st_ino;
}

bool is_still(const std::string& path, std::uint64_t inode) {
  struct stat about {};
  const Result result = lstat(path, about, "is it still the same file?");
  // Gone with its directory, too, or with the server's file that it was. Any other error, as of a
  // disk, says nothing about the file.
  if (result.error == ENOENT || result.error == ENOTDIR || result.error == ESTALE) return false;
  result.check(path);
  return about.st_ino == inode;
}

TemporaryLease make_temporary_lease(const Path& path, const LeasePage& page, mode_t mode,
                                    off_t byte, std::span<const std::byte> kind_room) {
  // Written, not ftruncated: a page that the file system cannot back any more must be an error
  // here, not a SIGBUS at the first touch.
  std::vector<std::byte> content(lease_size(page.max_senders));
  std::memcpy(content.data(), &page, sizeof page);
  if (!kind_room.empty())
    std::memcpy(kind_room_of(content.data()), kind_room.data(), kind_room.size());
  for (;;) {
    const auto candidate = lease_path_of(path) + "." + random_token();
    const Result opened = open(candidate, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600,
                               "a new lease, under a name of its own for now");
    if (opened.error == EEXIST) continue;
    TemporaryLease made{candidate, Fd(opened.check(candidate).fd())};
    if (!try_lock(made.file.get(), byte, "from now on its maker is seen to live")) continue;
    // Somebody may have found the file in the moment before it was locked, and removed it.
    if (!is_still(candidate, inode_of(made.file.get(), candidate))) continue;
    try {
      (void)fchmod(made.file.get(), mode, "exactly this mode, whatever the umask").check(candidate);
      const Result written = pwrite(made.file.get(), content, 0, "who receives, over what");
      if (written.check(candidate).count() != content.size())
        throw Error("pwrite", candidate, ENOSPC);
    } catch (...) {  // whatever it was: no half lease is left
      (void)unlink(candidate, "it could not be made whole");
      throw;
    }
    return made;
  }
}

void sweep_temporaries(const Path& path) {
  const auto prefix = "." + path.name + ".lease.";
  // A directory that cannot be listed has nothing for us to sweep.
  const Result directory = open(path.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
                                "has a killed newcomer left any?");
  if (!directory.ok()) return;
  std::vector<std::string> names;
  (void)read_directory(Fd(directory.fd()).get(), names, "the names in it");
  for (const auto& name : names) {
    if (!name.starts_with(prefix)) continue;
    const Result opened =
        open(path.in(name), O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0, "left by a killed newcomer?");
    if (!opened.ok()) continue;
    const Fd file(opened.fd());
    // A living maker holds one of them: byte 0 if it will receive, the other for a durable object.
    // That one first: its maker goes on to take byte 0, and must not find it in our hands. And if it
    // has let go since we opened the file, this is the lease itself by now, and in use.
    if (!try_lock(file.get(), kTakeOverByte, "a living maker would hold it") ||
        !is_still(path.in(name), inode_of(file.get(), name)) ||
        !try_lock(file.get(), kReceiverByte, "or this one"))
      continue;
    LeasePage page{};
    const Result got = pread(file.get(), std::as_writable_bytes(std::span(&page, 1)), 0,
                             "which object has it left?");
    const bool whole = got.value == sizeof page;
    // A bare one had not made its object yet; and the address is not the newcomer's.
    if (whole && !page.bare && std::memcmp(page.magic, kLeaseMagic, sizeof page.magic) == 0)
      remove_object_itself(page, path);
    (void)unlink(path.in(name), "its maker is dead");
  }
}

void lock_take_over(int fd, const std::string& lease_path) {
  lock_patiently(lease_path,
                 [&] { return try_lock(fd, kTakeOverByte, "one take-over at a time"); });
}

void hold_off_take_over(int fd, const std::string& lease_path) {
  lock_patiently(lease_path, [&] {
    return try_read_lock(fd, kTakeOverByte, "nobody who removes is to overlook what comes now");
  });
}

void link_address(const Path& path, const std::string& object) {
  const auto target = readlink(path.full(), "left by a lease that was removed by hand?");
  if (is_object_name(target)) (void)unlink(path.full(), "a link of ours that leads nowhere");
  const Result linked = symlink(object, path.full(), "so that people find the object");
  if (linked.error == EEXIST)
    throw Error(Trouble::in_use, EEXIST,
                "listen " + path.full() + ": something that is not ours has this name");
  linked.check(path.full());
}

bool remove_from(Home home, const std::string& object_path, const char* why) {
  switch (home) {
    case Home::none:
    case Home::abstract:
      return true;
    case Home::path:
    case Home::shm:
      return is_gone(unlink(object_path, why));
    case Home::shm_queues:
      return remove_queues(object_path, why);
    case Home::mqueue:
      return is_gone(mq_unlink(object_path, why));
    case Home::sysv_queue:
      return remove_message_queue(object_path, why);
    case Home::directory: {
      // An empty one goes without a descriptor, of which there may be none left.
      for (const char* part : {"/tmp", "/new", ""}) (void)rmdir(object_path + part, why);
      struct stat about {};
      if (lstat(object_path, about, "was there anything in it?").error == ENOENT) return true;
      remark("the directory is removed with all that is in it");
      std::error_code error;
      std::filesystem::remove_all(object_path, error);
      return !error;
    }
  }
  return true;
}

bool remove_address(const Path& path, const char* why) {
  struct stat about {};
  const Result looked = lstat(path.full(), about, "what has the name?");
  if (!looked.ok()) return is_gone(looked);
  if (!S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode)) return true;
  return is_gone(unlink(path.full(), why));
}

// Only what has the form of a name of ours is removed, whatever the page says.
void remove_object_itself(const LeasePage& page, const Path& path) {
  const auto object = object_of(page);
  if (page.durable && is_object_name(object))
    (void)unlink(bell_path_of(path, object), "its bell, if there was one");
  if (is_far(page.home) && is_far_object_name(object))
    (void)unlink(bell_path_of(path, object), "its bell, if there was one");
  if (is_far(page.home) ? is_far_object_name(object) : is_object_name(object))
    (void)remove_from(page.home, object_path_of(path, page.home, object), "its receiver is dead");
}

void remove_object(const LeasePage& page, const Path& path) {
  if (page.bare && is_far(page.home)) {
    // It was written down as ours only after we had made it.
    if (object_of(page) == path.name)
      (void)remove_from(page.home, object_path_of(path, page.home, path.name),
                        "its receiver is dead");
    return;
  }
  if (page.bare) {
    if (page.home != Home::none && page.home != Home::abstract)
      (void)remove_address(path, "its receiver is dead");
    return;
  }
  if (is_object_name(readlink(path.full(), "is the name a link of ours?")))
    (void)unlink(path.full(), "it leads to a dead receiver's object");
  remove_object_itself(page, path);
}

void remove_dead(const Path& path) {
  sweep_temporaries(path);
  const auto lease_path = lease_path_of(path);
  const Fd old = open_lease(lease_path, "whose lease is it?");
  if (!old.is_open()) return;
  lock_take_over(old.get(), lease_path);
  if (!is_still(lease_path, inode_of(old.get(), lease_path))) return;
  // Damaged ones too, or of another version: there is no other way to be rid of them.
  const LeasePage page = read_page(old.get(), lease_path);
  if (is_locked(old.get(), kReceiverByte, "does its receiver live?"))
    throw Error(Trouble::in_use, EADDRINUSE,
                "remove " + path.full() + ": in use by " + holder_of(page));
  remove_object(page, path);
  (void)unlink(lease_path, "its receiver is dead");
}

}  // namespace ipc::sys

#include "ipc/sync/party.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "ipc/sys/file.hpp"
#include "ipc/sys/futex.hpp"
#include "ipc/sys/lease_file.hpp"

namespace ipc::sync {
namespace {

using sys::Fd;
using sys::Result;

// Coming and going is a handful of system calls, so whoever holds the door is through in
// microseconds or dead; longer than this only if somebody stopped it.
constexpr auto kPatience = std::chrono::seconds(2);
// Nobody wakes those who sleep on a page that is cut off.
constexpr auto kCheck = std::chrono::seconds(5);

void lock_door(int file, const std::string& path) {
  const auto try_once = [&] {
    return sys::try_lock(file, kDoorByte, "one comes or goes at a time");
  };
  if (!sys::try_until(Deadline::after(kPatience), try_once))
    throw Error(Trouble::in_use, EBUSY,
                "open " + path + ": somebody has been coming or going for two seconds");
}

std::string boot_id() {
  auto text = sys::read_text("/proc/sys/kernel/random/boot_id", "which boot is this?");
  text.resize(std::min<std::size_t>(text.find('\n'), sizeof Page{}.boot - 1));
  return text;
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(Trouble::corrupt, EINVAL, "open " + path + ": " + reason);
}

// The page of an open file; atomics and all, since nothing but this copy is looked at.
void read_page(int file, Page& page, const std::string& path, const char* why) {
  const Result got = sys::pread(file, std::as_writable_bytes(std::span(&page, 1)), 0, why);
  if (got.check(path).count() != sizeof page ||
      std::memcmp(page.magic, kMagic, sizeof page.magic) != 0)
    refuse(path, "is no synchronisation object");
  if (page.version != kVersion)
    refuse(path, "has version " + std::to_string(page.version) + ", this program speaks version " +
                     std::to_string(kVersion));
  page.boot[sizeof page.boot - 1] = '\0';
  struct stat about {};
  (void)sys::fstat(file, about, "is it as long as it says?").check(path);
  if (page.max_parties == 0 || page.max_parties > kMostParties ||
      about.st_size != static_cast<off_t>(file_size(page.max_parties)) ||
      name_of(page.kind).empty() || page.used > page.max_parties || page.end != kEnd)
    refuse(path, "is damaged, or somebody truncated it; rm it if nobody uses it");
}

bool is_anybody_there(int file) {
  return sys::is_any_locked(file, 1, kDoorByte - 1, "is anybody there?");
}

void check_terms(const Page& page, const Terms& terms, const std::string& path) {
  if (page.kind != terms.kind)
    throw Error(Trouble::corrupt, EPROTOTYPE,
                "open " + path + ": it is " + std::string(name_of(page.kind)) + "; use " +
                    std::string(programs_of(page.kind)));
  if (terms.any_numbers) return;
  for (std::size_t i = 0; i < terms.numbers.size(); ++i)
    if (page.numbers[i] != terms.numbers[i]) {
      if (terms.names[i] == nullptr) refuse(path, "is damaged");  // this kind has no such number
      throw Error(Trouble::invalid, EINVAL,
                  "open " + path + ": was made with " + std::to_string(page.numbers[i]) + " " +
                      terms.names[i] + ", not " + std::to_string(terms.numbers[i]));
    }
}

}  // namespace

Party::Party(const std::string& name, const Terms& terms, const Options& options)
    : path_(sys::resolve(name)), full_(path_.full()) {
  if (options.max_parties == 0 || options.max_parties > kMostParties)
    throw Error(Trouble::invalid, EINVAL,
                "max_parties = " + std::to_string(options.max_parties) + ": must be from 1 to " +
                    std::to_string(kMostParties));
  sys::prepare_directory(path_);
  while (!join(terms) && !make(terms, options)) {
  }
}

Party::~Party() {
  if (is_ours()) leave();
}

// False if somebody else has the name by now.
bool Party::make(const Terms& terms, const Options& options) {
  const Fd file(sys::open_unnamed(path_.directory, 0600, "a new object, nameless until it is whole")
                    .check(path_.directory)
                    .fd());
  (void)sys::fchmod(file.get(), options.mode, "exactly this mode, whatever the umask").check(full_);
  // Written, not ftruncated: a page that the file system cannot back any more must be an error
  // here, not a SIGBUS at the first touch.
  std::vector<std::byte> content(file_size(options.max_parties));
  Page& page = *new (content.data()) Page{};
  std::memcpy(page.magic, kMagic, sizeof page.magic);
  page.version = kVersion;
  page.end = kEnd;
  page.max_parties = options.max_parties;
  page.kind = terms.kind;
  std::ranges::copy(terms.numbers, page.numbers);
  std::memcpy(page.state, &terms.state, sizeof terms.state);
  page.used = 1;
  const auto boot = boot_id();
  std::memcpy(page.boot, boot.c_str(), boot.size() + 1);
  Slot& slot = *new (content.data() + kHeader) Slot{};
  slot.generation = 1;
  slot.pid = ::getpid();
  const Result written = sys::pwrite(file.get(), content, 0, "what it is, for how many");
  if (written.check(full_).count() != content.size()) throw Error("pwrite", full_, ENOSPC);
  identity_ = {0, 1};
  if (!sys::try_lock(file.get(), identity_.byte(options.max_parties), "its maker lives"))
    throw Error("fcntl", full_, EAGAIN);  // nobody else can have it open
  hold(file.get(), options.max_parties);
  const Result linked = sys::link_unnamed(file.get(), full_, "the name is ours if it is free");
  if (linked.error == EEXIST) {
    query_.reset();
    unmap();
    return false;
  }
  linked.check(full_);
  return true;
}

// False if there is nothing to join.
bool Party::join(const Terms& terms) {
  // A look first, because to open another's FIFO or device can be noticed at its other end.
  struct stat about {};
  const Result found = sys::lstat(full_, about, "is it there?");
  if (found.error == ENOENT) return false;
  if (found.check(full_).ok() && !S_ISREG(about.st_mode))
    refuse(full_, "is no synchronisation object");
  const Result opened = sys::open(full_, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0, "what is it?");
  if (opened.error == ENOENT) return false;
  const Fd file(opened.check(full_).fd());
  Page page{};
  read_page(file.get(), page, full_, "is it one of ours?");
  inode_ = sys::inode_of(file.get(), full_);
  lock_door(file.get(), full_);
  if (!sys::is_still(full_, inode_)) return false;
  if (!is_anybody_there(file.get())) {
    read_page(file.get(), page, full_, "is there anything to keep?");
    if (is_as_new(page) || boot_id() != page.boot) {
      discard(page, "nobody is there and nothing to keep: made anew");
      return false;
    }
  }
  check_terms(page, terms, full_);
  hold(file.get(), page.max_parties);
  try {
    claim(file.get());
    check();
  } catch (...) {  // whatever it was: the mapping would keep the door
    unmap();
    throw;
  }
  sys::unlock(file.get(), kDoorByte, "others may come");
  return true;
}

// Who is killed between any two of these steps has not come at all.
void Party::claim(int file) {
  Page& here = page();
  for (std::uint32_t number = 0; number < max_parties_; ++number) {
    Slot& slot = all_slots()[number];
    // Relaxed, all of these: the door orders them, and the lock on our byte what follows them.
    const auto generation = slot.generation.load(std::memory_order_relaxed);
    if (generation >= kLastGeneration) continue;
    if (generation != 0 && sys::is_locked(file, Identity{number, generation}.byte(max_parties_),
                                          "does the party of this slot live?"))
      continue;
    identity_ = {number, generation + 1};
    if (!sys::try_lock(file, identity_.byte(max_parties_), "we live in this slot from now on"))
      continue;
    // What a dead one held is given back by this: it counts only as long as it stands there.
    slot.word.store(0, std::memory_order_relaxed);
    slot.pid.store(::getpid(), std::memory_order_relaxed);
    if (here.used.load(std::memory_order_relaxed) <= number)
      here.used.store(number + 1, std::memory_order_relaxed);
    slot.generation.store(identity_.generation, std::memory_order_release);
    return;
  }
  throw Error(Trouble::limit, EUSERS,
              "open " + full_ + ": all " + std::to_string(max_parties_) +
                  " places are taken (it can be made with more: max_parties)");
}

void Party::hold(int file, std::uint32_t max_parties) {
  inode_ = sys::inode_of(file, full_);
  // The same file by another open, even if the name has been given to another by now.
  query_ = Fd(sys::open("/proc/self/fd/" + std::to_string(file), O_RDWR | O_CLOEXEC, 0,
                        "to ask about others' locks")
                  .check(full_)
                  .fd());
  mapping_ = sys::Mapping(file, file_size(max_parties), "keeps our lock when the file is closed");
  max_parties_ = max_parties;
  fork_generation_ = sys::fork_generation();
  guard_.emplace(mapping_.data(), mapping_.size(), lost_);
}

void Party::unmap() {
  guard_.reset();
  mapping_ = sys::Mapping();
}

void Party::leave() noexcept {
  try {
    lock_door(query_.get(), full_);
    unmap();  // our lock goes while nobody else can come or go
    if (sys::is_still(full_, inode_) && !is_anybody_there(query_.get())) {
      Page last{};
      read_page(query_.get(), last, full_, "is there anything to keep?");
      if (is_as_new(last)) discard(last, "the last has left");
    }
    sys::unlock(query_.get(), kDoorByte, "others may come");
  } catch (const std::exception&) {
    // What cannot be removed now stays for the next who comes; there is nobody here to tell.
  }
}

void Party::discard(const Page& last, const char* why) const {
  for (const std::string& path : leftovers_of(last))
    (void)sys::unlink(path, "what one who was killed may have left of it");
  (void)sys::unlink(full_, why);
}

Slot* Party::all_slots() const {
  return reinterpret_cast<Slot*>(static_cast<std::byte*>(mapping_.data()) + kHeader);
}

std::span<Slot> Party::slots() const {
  return {all_slots(), std::min(page().used.load(std::memory_order_relaxed), max_parties_)};
}

bool Party::lives(Identity who) const {
  // No party has another generation; with one as large as that there would be no such byte.
  if (who.generation > kLastGeneration) return false;
  return sys::is_locked(query_.get(), who.byte(max_parties_), "does this party live?");
}

std::vector<Entry> Party::entries() const {
  std::vector<Entry> all;
  std::uint32_t number = 0;
  for (const Slot& slot : slots()) {
    // In this order, the first an acquire: a word that is not 0 then is that of this generation, or
    // of a later one; which would have written it in its turn, but this is ours.
    const auto generation = slot.generation.load(std::memory_order_acquire);
    const auto word = slot.word.load(std::memory_order_acquire);
    if (word != 0) all.push_back({{number, generation}, word});
    ++number;
  }
  return all;
}

std::optional<pid_t> Party::pid_of(Identity who) const {
  if (who.slot >= max_parties_) return std::nullopt;
  const Slot& slot = all_slots()[who.slot];
  const pid_t pid = slot.pid.load(std::memory_order_relaxed);
  if (slot.generation.load(std::memory_order_acquire) != who.generation) return std::nullopt;
  return pid;
}

void Party::complain() const {
  if (!is_ours())
    throw std::logic_error(
        "a synchronisation object was used in a forked child; open it there by its name");
  struct stat about {};
  (void)sys::fstat(query_.get(), about, "is it as long as it was?").check(full_);
  const auto before = static_cast<off_t>(file_size(max_parties_));
  std::string reason = "somebody has overwritten it";
  if (about.st_size < before)
    reason = "is " + std::to_string(about.st_size) + " bytes long, not " + std::to_string(before) +
             "; somebody truncated it";
  else if (lost_)
    reason = "a page of it could not be had; somebody truncated it, or its disk fails";
  throw Error(Trouble::corrupt, EINVAL, "use " + full_ + ": " + reason);
}

void Party::sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline,
                  const char* why) const {
  const Deadline until = std::min(deadline, Deadline::after(kCheck));
  if (stop_ != nullptr)
    sys::wait_futex_or(word, expected, *stop_, until, why);
  else
    sys::wait_futex(word, expected, until, why);
  check();
}

}  // namespace ipc::sync

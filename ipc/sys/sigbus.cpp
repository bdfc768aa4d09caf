#include "ipc/sys/sigbus.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "ipc/sys/call.hpp"
#include "ipc/sys/lock.hpp"

namespace ipc::sys {

// What the handler reads. It may run in the middle of a change to another range, so a range that is
// being changed has an odd version, and one that was changed while it was read has another.
struct GuardedRange {
  std::atomic<std::uint32_t> version{0};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  ///< 0: free.
  std::atomic<std::atomic<bool>*> lost{nullptr};
  std::atomic<std::uint64_t> forks{0};  ///< In which process it was made.

  void set(std::uintptr_t from, std::uintptr_t to, std::atomic<bool>* note) {
    // Release and acquire: who sees one of the new values sees the odd version, or a later one.
    version.fetch_add(1, std::memory_order_acq_rel);
    begin.store(from, std::memory_order_release);
    end.store(to, std::memory_order_release);
    lost.store(note, std::memory_order_release);
    forks.store(fork_generation(), std::memory_order_release);
    version.fetch_add(1, std::memory_order_release);
  }
  bool is_of_this_process() const {
    return forks.load(std::memory_order_acquire) == fork_generation();
  }
  /// The note to be made if `address` is in it, else null.
  std::atomic<bool>* note_for(std::uintptr_t address) const {
    const auto before = version.load(std::memory_order_acquire);
    const bool is_in = begin.load(std::memory_order_acquire) <= address &&
                       address < end.load(std::memory_order_acquire) && is_of_this_process();
    auto* note = lost.load(std::memory_order_acquire);
    const bool is_whole = before % 2 == 0 && version.load(std::memory_order_acquire) == before;
    return is_in && is_whole ? note : nullptr;
  }
};

namespace {

// Ranges are never freed, only used again: the handler may be looking at them.
struct Block {
  std::array<GuardedRange, 32> ranges;
  std::atomic<Block*> next{nullptr};
};

constinit Block first_block;
constinit std::mutex changing;
constinit std::size_t guards = 0;
constinit bool is_installed = false;
struct sigaction previous;

std::atomic<bool>* note_for(std::uintptr_t address) {
  for (const Block* block = &first_block; block != nullptr;
       block = block->next.load(std::memory_order_acquire))
    for (const GuardedRange& range : block->ranges)
      if (auto* note = range.note_for(address)) return note;
  return nullptr;
}

// A page of zeros in the place of the lost one. The bare system call, because the C library's
// function may be a sanitizer's, which is not made for signal handlers.
bool replace_page(std::uintptr_t address) {
  const auto size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  return ::syscall(SYS_mmap, address / size * size, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != -1;
}

// As if we were not there.
void pass_on(int number, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(number, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
    return previous.sa_handler(number);
  if (info->si_code <= 0 && previous.sa_handler == SIG_IGN) return;  // sent by kill(2)
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  (void)::sigaction(number, &fatal, nullptr);
  if (info->si_code <= 0) (void)::raise(number);  // else the touch comes again by itself
}

void on_sigbus(int number, siginfo_t* info, void* context) {
  const int error = errno;
  // BUS_ADRERR: the page could not be had. Broken memory (BUS_MCEERR_AR) is nobody's to replace.
  if (info->si_code == BUS_ADRERR) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    if (auto* note = note_for(address); note != nullptr && replace_page(address)) {
      note->store(true, std::memory_order_relaxed);
      errno = error;
      return;
    }
  }
  errno = error;
  pass_on(number, info, context);
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_sigbus;
}

void change_action(const struct sigaction* to, struct sigaction* before, const char* why) {
  (void)perform(
      "rt_sigaction", why, [&] { return ::sigaction(SIGBUS, to, before); },
      [] { return std::string("SIGBUS, ..."); })
      .check("SIGBUS");
}

void install() {
  if (is_installed) return;
  change_action(nullptr, &previous, "whom to pass on to what is not ours");
  struct sigaction ours {};
  ours.sa_sigaction = on_sigbus;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  change_action(&ours, nullptr, "a truncated file is an error, not our death");
  is_installed = true;
}

// If somebody has installed a handler over ours, it may pass on to us: then ours stays.
void uninstall() {
  struct sigaction now {};
  change_action(nullptr, &now, "is the handler still ours?");
  if (!is_ours(now)) return;
  change_action(&previous, nullptr, "nothing is mapped any more");
  is_installed = false;
}

GuardedRange& free_range() {
  for (Block* block = &first_block;; block = block->next.load(std::memory_order_relaxed)) {
    for (GuardedRange& range : block->ranges)
      if (range.end.load(std::memory_order_relaxed) == 0) return range;
    if (block->next.load(std::memory_order_relaxed) == nullptr)
      block->next.store(new Block, std::memory_order_release);
  }
}

}  // namespace

SigbusGuard::SigbusGuard(void* begin, std::size_t size, std::atomic<bool>& lost) {
  const std::lock_guard lock(changing);
  GuardedRange& range = free_range();
  install();
  const auto from = reinterpret_cast<std::uintptr_t>(begin);
  range.set(from, from + size, &lost);
  ++guards;
  range_ = &range;
}

SigbusGuard::SigbusGuard(SigbusGuard&& other) noexcept
    : range_(std::exchange(other.range_, nullptr)) {}

SigbusGuard& SigbusGuard::operator=(SigbusGuard&& other) noexcept {
  std::swap(range_, other.range_);
  return *this;
}

SigbusGuard::~SigbusGuard() {
  if (range_ == nullptr || !range_->is_of_this_process()) return;
  const std::lock_guard lock(changing);
  range_->set(0, 0, nullptr);
  if (--guards > 0) return;
  try {
    uninstall();
  } catch (const Error&) {
    // Then it stays, and passes everything on.
  }
}

}  // namespace ipc::sys

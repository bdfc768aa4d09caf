// A mapped file that somebody truncates.
//
// Where a mapping reaches beyond the end of its file, a touch is a SIGBUS, and so is one of a page
// that the disk cannot deliver or has no room for. No check beforehand helps: the file may be cut
// between the check and the touch. So the signal is caught. The handler puts a page of zeros where
// the lost page was, notes that it did, and lets the program go on; whoever uses the mapping looks
// at the note after each touch that matters, before it believes what it has read or promises what
// it has written.
//
// The handler is there only while there are guards. A SIGBUS elsewhere is passed on to whatever was
// installed before it, which for most programs means that they end as they would have. A program
// that installs a handler of its own later must pass on what is not its business, as is the custom.
//
// Threads: a thread that touches guarded memory must not block SIGBUS; the kernel kills a process
// whose thread cannot take a signal that it has caused. In a forked child guards do nothing, as the
// mappings are not there.
//
// See mmap(2), "SIGBUS", and sigaction(2). A guarded touch costs nothing; a lost page some 3 µs,
// once.
#pragma once

#include <atomic>
#include <cstddef>

namespace ipc::sys {

/// Guards one range of memory for as long as it lives. Making and destroying guards is safe from
/// several threads at once.
class SigbusGuard {
 public:
  SigbusGuard() = default;
  /// `lost` becomes true with the first page that is replaced; it must outlive the guard, and the
  /// guard must not outlive the mapping.
  SigbusGuard(void* begin, std::size_t size, std::atomic<bool>& lost);
  SigbusGuard(SigbusGuard&& other) noexcept;
  SigbusGuard& operator=(SigbusGuard&& other) noexcept;
  ~SigbusGuard();

 private:
  struct GuardedRange* range_ = nullptr;
};

}  // namespace ipc::sys

#include "ipc/sys/fd.hpp"

#include <unistd.h>

#include <cerrno>

#include "ipc/sys/call.hpp"

namespace ipc::sys {

void Fd::reset() noexcept {
  if (fd_ < 0) return;
  const int fd = std::exchange(fd_, -1);
  const int kept = errno;  // destructors run between a failing call and the look at its errno
  // close() is called once, even when it reports EINTR: on Linux the number is free by then, and a
  // second close() could hit a descriptor that another thread has just been given. NOTES in
  // close(2).
  (void)perform_once(
      "close", "not needed any more", [fd] { return ::close(fd); },
      [fd] { return std::to_string(fd); });
  errno = kept;
}

}  // namespace ipc::sys

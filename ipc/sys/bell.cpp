#include "ipc/sys/bell.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "ipc/sys/file.hpp"
#include "ipc/sys/sigpipe.hpp"

namespace ipc::sys {

Bell::Bell(const std::string& path, mode_t mode) {
  const Result made = mkfifo(path, mode, "a bell, because the mechanism itself cannot be polled");
  // A durable object keeps its bell: senders may have it open since an earlier receiver.
  if (made.error != EEXIST) made.check(path);
  (void)chmod(path, mode, "exactly this mode, whatever the umask").check(path);
  // For writing too, like every FIFO that is only ever rung: no EOF, no hang-up.
  fifo_ = Fd(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0, "to wait for rings")
                 .check(path)
                 .fd());
  struct stat about {};
  (void)fstat(fifo_.get(), about, "is it one of ours?").check(path);
  if (!S_ISFIFO(about.st_mode))
    throw Error(Trouble::corrupt, EEXIST, "bell " + path + ": is no FIFO");
}

void Bell::silence() {
  std::array<std::byte, 4096> rings;
  const Result result = read(fifo_.get(), rings, "the bell has done its work");
  if (!result.ok() && result.error != EAGAIN) result.check("bell");
}

void Ringer::ring(const char* why) {
  if (!fifo_.is_open()) {
    const Result opened = open(path_, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0,
                               "the receiver sleeps in poll(2), and this wakes it");
    if (opened.error == ENOENT || opened.error == ENXIO) return;  // the receiver has just gone
    opened.check(path_);
    fifo_ = Fd(opened.fd());
    survive_sigpipe();
  }
  const std::byte once{1};
  (void)write(fifo_.get(), std::span(&once, 1), why);
}

void Ringer::ring_if_possible(const char* why) noexcept {
  try {
    ring(why);
  } catch (const Error&) {
    remark("no descriptor is left for the bell; the receiver will look by itself");
  }
}

}  // namespace ipc::sys

#include "tools/cli/output.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "ipc/sys/error.hpp"

namespace tools {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} << 10;

bool is_pipe_or_socket(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

}  // namespace

Output::Output(int fd, std::function<bool()> interrupted)
    : fd_(fd), interrupted_(std::move(interrupted)), may_close_(is_pipe_or_socket(fd)) {}

void Output::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferSize) flush();
  if (bytes.size() >= kBufferSize)
    write_all(bytes);
  else
    buffer_ += bytes;
}

void Output::flush() {
  if (buffer_.empty()) return;
  // Emptied also when the write fails: the rest must not be tried again.
  struct Emptied {
    std::string& buffer;
    ~Emptied() { buffer.clear(); }
  } emptied{buffer_};
  write_all(buffer_);
}

void Output::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      // A signal cuts short a write that has begun, instead of failing it with EINTR.
      if (!bytes.empty() && interrupted_()) throw OutputGivenUp{};
    } else if (errno == EPIPE) {
      throw OutputClosed{};
    } else if (errno != EINTR) {
      throw ipc::Error("write", "stdout", errno);
    } else if (interrupted_()) {
      throw OutputGivenUp{};
    }
  }
}

}  // namespace tools

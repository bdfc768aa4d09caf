// The owner of one file descriptor.
#pragma once

#include <utility>

namespace ipc::sys {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  /// Gives the descriptor away, unclosed.
  int release() { return std::exchange(fd_, -1); }
  /// Closes it. Errors of close(2) are not reported: nothing written through our descriptors is
  /// promised to be on a disk by then.
  void reset() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace ipc::sys

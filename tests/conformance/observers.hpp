// Observers of the library's calls that kill the process, or mislead it, at one of them.
#pragma once

#include <unistd.h>

#include <csignal>
#include <cstring>

#include "ipc/sys/call.hpp"

namespace conformance {

/// Ends the process by SIGKILL before its n-th call, counted from 1.
class KillAt final : public ipc::sys::Observer {
 public:
  explicit KillAt(std::uint32_t call) : call_(call) {}
  bool before(const ipc::sys::Call&, ipc::sys::Result&) override {
    if (++calls_ == call_) ::kill(::getpid(), SIGKILL);
    return false;
  }

 private:
  std::uint32_t call_;
  std::uint32_t calls_ = 0;
};

/// Lets the n-th call fail with that errno without making it. Calls that release something are not
/// counted: to skip them would be a leak of the test's own.
class FailAt final : public ipc::sys::Observer {
 public:
  FailAt(std::uint32_t call, int error) : call_(call), error_(error) {}
  bool before(const ipc::sys::Call& call, ipc::sys::Result& pretended) override {
    for (const auto* releases : {"close", "munmap", "unlink"})
      if (std::strcmp(call.name, releases) == 0) return false;
    if (++calls_ != call_) return false;
    pretended = {call.name, -1, error_};
    failed_ = call.name;
    return true;
  }
  /// The call that failed, or null.
  const char* failed() const { return failed_; }

 private:
  std::uint32_t call_;
  int error_;
  std::uint32_t calls_ = 0;
  const char* failed_ = nullptr;
};

}  // namespace conformance

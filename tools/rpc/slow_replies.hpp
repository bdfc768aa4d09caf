// Replies whose callers do not read them at once, each in a thread of its own: a caller that is
// stopped holds up nobody.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "ipc/rpc/server.hpp"
#include "ipc/sys/fd.hpp"

namespace tools {

class SlowReplies {
 public:
  /// A reply that has found no room for `patience` is given up.
  explicit SlowReplies(std::chrono::nanoseconds patience);
  /// Waits for those that are left.
  ~SlowReplies();
  SlowReplies(const SlowReplies&) = delete;
  SlowReplies& operator=(const SlowReplies&) = delete;

  bool is_full() const { return replies_.size() >= kMost; }
  bool is_empty() const { return replies_.empty(); }
  /// Sends `text` as the reply, or the refusal, of a call. Not if is_full(). Throws ipc::Error, the
  /// reply lost, if there is no thread for it.
  void add(ipc::rpc::Deferred call, std::uint64_t number, bool refused, std::string text);
  /// To be polled for reading: one is done.
  int fd() const { return event_.get(); }
  /// Forgets those that are done, and returns what went wrong, a sentence each.
  std::vector<std::string> take_done();

 private:
  struct Reply;
  static constexpr std::size_t kMost = 32;

  std::chrono::nanoseconds patience_;
  ipc::sys::Fd event_;
  std::list<std::unique_ptr<Reply>> replies_;
};

}  // namespace tools

// The kernel as a test wants it: calls that fail, or take their time, for a certain reason.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "ipc/sys/call.hpp"

namespace test {

/// While one lives, `answer` is asked before each call of the library; an errno that it returns is
/// pretended, 0 makes the call. It may do something before it answers. For the whole process; of two
/// that live at once only the later is asked, and it must go first.
class Kernel : public ipc::sys::Observer {
 public:
  explicit Kernel(std::function<int(const ipc::sys::Call&)> answer)
      : answer_(std::move(answer)), before_(ipc::sys::observe(this)) {}
  ~Kernel() override { ipc::sys::observe(before_); }
  bool before(const ipc::sys::Call& call, ipc::sys::Result& result) override {
    const int error = answer_(call);
    if (error != 0) result = {call.name, -1, error};
    return error != 0;
  }

 private:
  std::function<int(const ipc::sys::Call&)> answer_;
  ipc::sys::Observer* before_;
};

/// What is called for this reason fails with that errno.
inline auto failing(std::string_view why, int error) {
  return [why, error](const ipc::sys::Call& call) { return call.why == why ? error : 0; };
}

}  // namespace test

// --explain: every system call of the library as it happens, and why it is made.
//
//     write(4, 64 bytes) = 64                     # whole frame <= PIPE_BUF: cannot be torn
//     (no call)                                   # published by a release store
//     (unseen)                                    # what another library is told to do
//
// Arguments stand in strace(1)'s order, so that a trace of the same run can be laid beside it.
#pragma once

#include <memory>
#include <string>

#include "ipc/sys/call.hpp"

namespace tools {

enum class Narration { none, text, json };

/// Prints the calls of this process while it lives; one object per process. Lines go to what stderr
/// is at the time of construction, each by one write(2), so that those of several threads and
/// processes do not mix as long as they fit into PIPE_BUF. A line that cannot be written is
/// dropped.
class Narrator final : public ipc::sys::Observer {
 public:
  explicit Narrator(Narration);
  Narrator(const Narrator&) = delete;
  Narrator& operator=(const Narrator&) = delete;
  ~Narrator() override;

  void after(const ipc::sys::Call&, const ipc::sys::Result&) override;
  void remark(const char* what) override;
  void unseen(const char* what) override;

 private:
  void print_aside(const char* what, bool is_unseen) const;
  void print(std::string line) const;

  Narration narration_;
  int fd_;
  ipc::sys::Observer* before_;
};

/// A narrator, or none for Narration::none.
std::unique_ptr<Narrator> narrate(Narration);

}  // namespace tools

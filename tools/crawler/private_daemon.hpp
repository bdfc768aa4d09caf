// A daemon that a client starts for itself and that ends with it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/sys/fd.hpp"
#include "tools/pool/run_directory.hpp"
#include "tools/pool/supervisor_launcher.hpp"

namespace crawler {

/// It cannot outlive this process: the kernel kills it (PR_SET_PDEATHSIG, supervisor_launcher.hpp),
/// and it ends by itself when its lifeline is closed. Its socket lies in a directory of its own, which
/// the next daemon removes should this process be killed.
class PrivateDaemon {
 public:
  /// Starts crawlerd, which lies beside this program, with these arguments more. Throws ipc::Error.
  explicit PrivateDaemon(const std::vector<std::string>& arguments);
  /// Ends it, at the latest by SIGKILL, and waits for its end.
  ~PrivateDaemon();
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;

  /// Waits until it answers. Returns how it ended if it did instead, after saying why on stderr;
  /// nothing if it is ready.
  std::optional<pool::Exit> wait_ready();

  std::string socket() const { return directory_.path() + "/socket"; }

 private:
  bool wait_end(std::chrono::milliseconds patience) const;

  pool::RunDirectory directory_;
  ipc::sys::Fd lifeline_;
  ipc::sys::Fd ready_;
  std::unique_ptr<pool::Child> child_;
};

}  // namespace crawler

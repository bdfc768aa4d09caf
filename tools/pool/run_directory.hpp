// Where the objects of one life of a daemon live, and where those of dead ones are found.
//
//     RUNS/9f86d081884c7d65/lock        held by the daemon of that run
//                           transport   the name of its kind
//                           master, w1.1, w2.1 …   addresses of inboxes, made by the kind
//
// A killed daemon leaves its directory. The next one, whichever it is, finds the lock free and
// removes each inbox by its kind, since an object may live elsewhere than its address, then the rest.
#pragma once

#include <string>
#include <vector>

#include "ipc/transport.hpp"
#include "tools/pool/lock_file.hpp"

namespace pool {

class RunDirectory {
 public:
  /// Makes RUNS and RUNS/NAME, with mode 0700. Throws ipc::Error.
  RunDirectory(const std::string& runs, const std::string& name, const ipc::Kind& kind);
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;
  /// Removes the directory with all that is left in it.
  ~RunDirectory();

  const std::string& path() const { return path_; }
  std::string address(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  std::optional<LockFile> lock_;
};

/// Removes what dead daemons left under RUNS. Returns the names of their runs, and adds a sentence to
/// `problems` for each that could not be removed.
std::vector<std::string> sweep_runs(const std::string& runs, std::vector<std::string>& problems);

}  // namespace pool

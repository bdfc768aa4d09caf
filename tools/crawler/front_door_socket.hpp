// A path that one daemon is found at.
//
// A socket file outlives its process, and bind(2) then fails; unlink and bind without more is a race
// in which two daemons both remove the other's. PATH.lock decides (lock_file.hpp).
#pragma once

#include <string>

#include "ipc/sys/fd.hpp"
#include "tools/pool/lock_file.hpp"

namespace crawler {

class SocketPath {
 public:
  /// Listens at `path` with mode 0600, whatever the umask. Throws ipc::Error: in_use, naming the pid,
  /// if a daemon lives there, or if something there is no socket or somebody listens on it.
  explicit SocketPath(const std::string& path);
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;
  /// Removes the socket and its lock.
  ~SocketPath();

  /// The listening socket; given away once.
  int release() { return listener_.release(); }

 private:
  std::string path_;
  pool::LockFile lock_;
  ipc::sys::Fd listener_;
};

}  // namespace crawler

// A file that one living process holds.
//
// The kernel drops an flock(2) with the process, however it ends; the pid inside is for people. The
// file is removed by its holder, so whoever has locked one looks whether it still is the file of
// that name: another may have removed it in between and a third have made it anew.
#pragma once

#include <optional>
#include <string>

#include "ipc/sys/fd.hpp"

namespace pool {

class LockFile {
 public:
  /// Takes it; nothing if another process holds it, whose pid is then in `holder` ("" if unknown).
  /// Throws ipc::Error if the file cannot be made.
  static std::optional<LockFile> take(const std::string& path, std::string& holder);
  LockFile(LockFile&&) = default;
  LockFile& operator=(LockFile&&) = delete;
  /// Removes the file.
  ~LockFile();

 private:
  LockFile(std::string path, ipc::sys::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  ipc::sys::Fd fd_;
};

}  // namespace pool

// A pipe whose ends are owned.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "ipc/sys/error.hpp"
#include "ipc/sys/fd.hpp"

namespace pool {

struct Pipe {
  ipc::sys::Fd reader, writer;
};

/// Both ends are closed by exec. Throws ipc::Error if there is none left.
inline Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) == -1) throw ipc::Error("pipe2", "", errno);
  return {ipc::sys::Fd(ends[0]), ipc::sys::Fd(ends[1])};
}

}  // namespace pool

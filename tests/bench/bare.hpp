// The bare forms, one function for each mechanism (channel.hpp says what they are).
#pragma once

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>

#include "ipc/sys/error.hpp"
#include "tests/bench/channel.hpp"

namespace bench {

/// What a system call returned, which was not -1.
inline std::size_t checked(long result, const char* call) {
  if (result == -1) throw ipc::Error(call, "bare", errno);
  return static_cast<std::size_t>(result);
}

std::unique_ptr<Channel> bare_pipe(std::size_t size);
std::unique_ptr<Channel> bare_fifo(const std::string& path, std::size_t size);
std::unique_ptr<Channel> bare_stream(std::size_t size);
std::unique_ptr<Channel> bare_tcp(std::size_t size);
std::unique_ptr<Channel> bare_dgram(const std::string& path, std::size_t size);
std::unique_ptr<Channel> bare_seqpacket(std::size_t size);
std::unique_ptr<Channel> bare_mq(const std::string& name, std::size_t size);
std::unique_ptr<Channel> bare_sysv_mq(std::size_t size);
/// A ring of slots in shared memory, at which both sides spin.
std::unique_ptr<Channel> bare_ring(std::size_t size);

}  // namespace bench

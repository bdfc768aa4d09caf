// System calls on AF_UNIX sockets.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <span>
#include <string>

#include "ipc/sys/call.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/name.hpp"

namespace ipc::sys {

/// Who sent, proven by the kernel: SCM_CREDENTIALS, unix(7).
struct Credentials {
  pid_t pid;
  uid_t uid;
};

/// Where an AF_UNIX socket is found: a file beside the address, or a name in the abstract namespace,
/// which has no file, no permissions, and ends with its socket.
struct UnixName {
  Path path;  ///< The address; its directory is where a file would be.
  std::string name;
  bool abstract = false;

  /// For messages: the file, or the abstract name with a leading @ as ss(8) shows it.
  std::string shown() const { return abstract ? "@" + name : path.in(name); }
};

/// AF_UNIX, non-blocking, closed on exec; `type` is SOCK_DGRAM and the like.
Fd make_unix_socket(int type, const char* why);

/// bind(2); a file gets exactly `mode`. A directory too long for sun_path (107 bytes) is gone around
/// through /proc/self/fd; a name longer than that is Trouble::limit, an abstract name that another
/// socket has is Trouble::in_use.
void bind_unix(int socket, const UnixName& name, mode_t mode, const char* why);
/// connect(2), in the same way.
Result connect_unix(int socket, const UnixName& name, const char* why);

/// listen(2); net.core.somaxconn caps the backlog.
void listen(int socket, int backlog, const char* why);
/// accept4(2): non-blocking, closed on exec.
Result accept4(int listener, const char* why);
/// Who connected, as the kernel saw it then: SO_PEERCRED, unix(7).
Credentials peer_credentials(int socket);

/// From now on every message comes with its sender's credentials.
void pass_credentials(int socket);
/// SO_SNDBUF as the kernel counts it, with its own overhead.
std::size_t send_buffer_size(int socket);

/// recv(2) with MSG_TRUNC: the value is the packet's true length, also if it is longer than `room`.
Result recv(int socket, std::span<std::byte> room, const char* why);
/// All parts in one call, with MSG_NOSIGNAL: sendmsg(2), or send(2) of those that are short
/// (sys/gather.hpp).
Result sendmsg(int socket, std::span<const iovec> parts, const char* why);
/// recvmsg(2); `truncated` if the message was longer than `room`.
Result recvmsg(int socket, std::span<std::byte> room, std::optional<Credentials>& from,
               bool& truncated, const char* why);

}  // namespace ipc::sys

// System calls on TCP sockets.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>

#include "ipc/sys/call.hpp"
#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"

namespace ipc::sys {

/// Where a TCP socket is found.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;

  /// "127.0.0.1:4711", "[::1]:4711"
  std::string shown() const;
};

/// Whether `text` is of the form PORT or HOST:PORT.
bool is_endpoint(const std::string& text);
/// PORT is on the loopback interface; an IPv6 HOST stands in brackets. May ask the name service.
/// Throws Trouble::invalid for what is no endpoint or has no such host.
Endpoint resolve_endpoint(const std::string& text);

/// A listening socket. Throws EADDRINUSE, unjudged, if another listens there. `bound` is where it
/// really is: port 0 is any free one.
Fd listen_tcp(const Endpoint& endpoint, Endpoint& bound, const char* why);

/// A connected socket, without Nagle's delay. Throws Trouble::no_receiver if nobody listens there or
/// nobody answers until the deadline.
Fd connect_tcp(const Endpoint& endpoint, Deadline deadline, const char* why);

/// An idle connection to a host that is gone fails after 2 + 3 × 1 s.
void keep_alive(int socket);

/// Whether the other host seems lost while our data is outstanding: three and more transmissions or
/// window probes unanswered, and nothing heard for 5 s.
bool is_host_lost(int socket);

}  // namespace ipc::sys

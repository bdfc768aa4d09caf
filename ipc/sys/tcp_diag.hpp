// What the kernel tells about the other end of a TCP connection, if that is on this host.
#pragma once

#include <cstdint>
#include <optional>

namespace ipc::sys {

/// How many bytes the other end of this connection has accepted from its program that our kernel has
/// not acknowledged: those are on their way. Empty if that end is gone, or not in this network name
/// space, or if the kernel does not tell (sock_diag(7), CONFIG_INET_DIAG).
std::optional<std::uint32_t> unacknowledged_at_peer(int socket);

}  // namespace ipc::sys

// Which addresses belong to the public internet. A crawler that others can ask for pages must not
// be a door to the machines around it. Pure.
#pragma once

#include <sys/socket.h>

#include <string>

namespace crawler {

/// Whether an address is anything but global unicast: loopback, private, link-local, shared,
/// multicast, reserved or for documentation (the IANA special-purpose registries, RFC 6890), or an
/// IPv6 address that carries such an IPv4 address inside. Families other than IPv4 and IPv6 count
/// as private.
bool is_private(const sockaddr& address);

/// "192.0.2.7", "::1"; for messages.
std::string to_text(const sockaddr& address);

}  // namespace crawler

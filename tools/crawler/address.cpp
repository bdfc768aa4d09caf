#include "tools/crawler/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace crawler {
namespace {

struct Block {
  std::uint32_t network;
  unsigned bits;
};
constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}
constexpr std::array blocks{
    Block{ip(0, 0, 0, 0), 8},        // "this network"; Linux connects 0.0.0.0 to itself
    Block{ip(10, 0, 0, 0), 8},       // private
    Block{ip(100, 64, 0, 0), 10},    // shared by carriers
    Block{ip(127, 0, 0, 0), 8},      // loopback
    Block{ip(169, 254, 0, 0), 16},   // link-local, where clouds keep their secrets
    Block{ip(172, 16, 0, 0), 12},    // private
    Block{ip(192, 0, 0, 0), 24},     // protocol assignments
    Block{ip(192, 0, 2, 0), 24},     // documentation
    Block{ip(192, 168, 0, 0), 16},   // private
    Block{ip(198, 18, 0, 0), 15},    // benchmarks
    Block{ip(198, 51, 100, 0), 24},  // documentation
    Block{ip(203, 0, 113, 0), 24},   // documentation
    Block{ip(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

bool is_private_v4(std::uint32_t address) {
  return std::any_of(blocks.begin(), blocks.end(), [address](const Block& block) {
    return (address ^ block.network) >> (32 - block.bits) == 0;
  });
}

using V6 = std::array<std::uint8_t, 16>;

bool begins(const V6& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

std::uint32_t embedded(const V6& address, std::size_t at) {
  return ip(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

bool is_private_v6(const V6& address) {
  // IPv4-mapped, the NAT64 prefix of RFC 6052 and 6to4 reach the IPv4 address inside them.
  if (begins(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}) ||
      begins(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))
    return is_private_v4(embedded(address, 12));
  if (begins(address, {0x20, 0x02})) return is_private_v4(embedded(address, 2));
  // Teredo hides its address by inversion; documentation; all else outside 2000::/3 is not global.
  if (begins(address, {0x20, 0x01, 0, 0}) || begins(address, {0x20, 0x01, 0x0d, 0xb8})) return true;
  return (address[0] & 0xe0) != 0x20;
}

}  // namespace

// sockaddr is an opaque head; the bytes are copied out, for its alignment promises nothing.
bool is_private(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return is_private_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    V6 bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return is_private_v6(bytes);
  }
  return true;
}

std::string to_text(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  } else {
    return "an address of family " + std::to_string(address.sa_family);
  }
  return text.data();
}

}  // namespace crawler

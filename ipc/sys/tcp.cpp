#include "ipc/sys/tcp.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "ipc/sys/show.hpp"
#include "ipc/sys/socket.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::sys {
namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr int kBuffer = 256 << 10;  // the kernel doubles it; net.core.rmem_max caps it
constexpr int kUnanswered = 3;
constexpr std::uint32_t kSilence = 5000;  // milliseconds

bool all_digits(const std::string& text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return c >= '0' && c <= '9'; });
}

struct HostAndPort {
  std::string host;
  std::string port;
};

HostAndPort split(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return {kLoopback, text};
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {host, text.substr(colon + 1)};
}

Fd make_tcp_socket(const Endpoint& endpoint, const char* why) {
  const int family = endpoint.address.ss_family;
  return Fd(perform(
                "socket", why,
                [&] { return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); },
                [&] {
                  return std::string(family == AF_INET6 ? "AF_INET6" : "AF_INET") +
                         ", SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0";
                })
                .check("")
                .fd());
}

void set_option(int socket, int level, int option, const char* level_name, const char* name,
                int value, const char* why) {
  (void)perform(
      "setsockopt", why, [&] { return ::setsockopt(socket, level, option, &value, sizeof value); },
      [&] {
        return shown::list(socket, level_name, name, "[" + std::to_string(value) + "]",
                           sizeof value);
      })
      .check(name);
}

const sockaddr* address_of(const Endpoint& endpoint) {
  return reinterpret_cast<const sockaddr*>(&endpoint.address);
}

std::string shown_address(const Endpoint& endpoint) {
  return "{" + endpoint.shown() + "}";
}

int pending_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  (void)perform(
      "getsockopt", "has the connection been made?",
      [&] { return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length); },
      [&] {
        return shown::list(socket, "SOL_SOCKET", "SO_ERROR", "[" + std::to_string(error) + "]",
                           "[4]");
      })
      .check("");
  return error;
}

// The receiver's. Left to itself it grows, for seconds after the receiver has stopped reading, so
// that a channel which was full has room again and again. Over a long way that is what one wants; on
// loopback not. The send buffer grows with what is acknowledged, and has to: in a small one short
// frames do not wait for each other, and each is a segment of its own.
void fix_receive_buffer(int socket, const Endpoint& endpoint) {
  const auto text = endpoint.shown();
  if (!text.starts_with("127.") && !text.starts_with("[::1]")) return;
  set_option(socket, SOL_SOCKET, SO_RCVBUF, "SOL_SOCKET", "SO_RCVBUF", kBuffer,
             "full is full; all that are accepted have it from the listener");
}

}  // namespace

std::string Endpoint::shown() const {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  ::getnameinfo(address_of(*this), length, host.data(), host.size(), port.data(), port.size(),
                NI_NUMERICHOST | NI_NUMERICSERV);
  const bool is_v6 = address.ss_family == AF_INET6;
  return (is_v6 ? "[" : "") + std::string(host.data()) + (is_v6 ? "]:" : ":") + port.data();
}

bool is_endpoint(const std::string& text) {
  return text.find('/') == std::string::npos && (all_digits(text) || text.find(':') != text.npos);
}

Endpoint resolve_endpoint(const std::string& text) {
  const auto [host, port] = split(text);
  if (host.empty() || !all_digits(port) || port.size() > 5 || std::stoi(port) > 65535)
    throw Error(Trouble::invalid, EINVAL,
                "address \"" + text + "\": must be PORT or HOST:PORT, with a port of 0 to 65535");
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found);
  if (failed != 0)
    throw Error(Trouble::invalid, EINVAL, "address \"" + text + "\": " + ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  Endpoint endpoint;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.length = found->ai_addrlen;
  return endpoint;
}

Fd listen_tcp(const Endpoint& endpoint, Endpoint& bound, const char* why) {
  Fd socket = make_tcp_socket(endpoint, why);
  // Connections of a dead predecessor may be in TIME_WAIT for a minute. With this option they do not
  // keep the port from us; another *listener* on it still does, tcp(7), socket(7).
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, "SOL_SOCKET", "SO_REUSEADDR", 1,
             "the last life's connections do not count, its listener does");
  (void)perform(
      "bind", "who gets the port owns it",
      [&] { return ::bind(socket.get(), address_of(endpoint), endpoint.length); },
      [&] { return shown::list(socket.get(), shown_address(endpoint), endpoint.length); })
      .check(endpoint.shown());
  fix_receive_buffer(socket.get(), endpoint);
  const Result listening = perform(
      "listen", "the last word: of two that were bound, one may listen",
      [&] { return ::listen(socket.get(), SOMAXCONN); },
      [&] { return shown::list(socket.get(), SOMAXCONN); });
  listening.check(endpoint.shown());
  bound.length = sizeof bound.address;
  (void)perform(
      "getsockname", "which port have we got?",
      [&] {
        return ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.address),
                             &bound.length);
      },
      [&] { return shown::list(socket.get(), shown_address(bound), bound.length); })
      .check(endpoint.shown());
  return socket;
}

Fd connect_tcp(const Endpoint& endpoint, Deadline deadline, const char* why) {
  Fd socket = make_tcp_socket(endpoint, why);
  const Result connecting = perform(
      "connect", "does not wait; poll will tell",
      [&] { return ::connect(socket.get(), address_of(endpoint), endpoint.length); },
      [&] { return shown::list(socket.get(), shown_address(endpoint), endpoint.length); });
  int error = connecting.error;
  // An interrupted connect may be under way all the same; to ask again is then EALREADY, or EISCONN
  // once it has been made, connect(2).
  if (error == EISCONN) error = 0;
  if (error == EINPROGRESS || error == EALREADY)
    error = wait_writable(socket.get(), deadline, "until the other side answers")
                ? pending_error(socket.get())
                : ETIMEDOUT;
  // Reset: it was there when we knocked, and died before it let us in.
  if (error == ECONNREFUSED || error == ECONNRESET || error == ETIMEDOUT || error == EHOSTUNREACH ||
      error == ENETUNREACH)
    throw Error(Trouble::no_receiver, error,
                "connect " + endpoint.shown() + ": no receiver (" +
                    std::generic_category().message(error) + ")");
  if (error != 0) throw Error("connect", endpoint.shown(), error);
  set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY, "SOL_TCP", "TCP_NODELAY", 1,
             "a message waits for no other to share its packet");
  return socket;
}

void keep_alive(int socket) {
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, "SOL_SOCKET", "SO_KEEPALIVE", 1,
             "a host that is gone says nothing; ask it");
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, "SOL_TCP", "TCP_KEEPIDLE", 2,
             "after two seconds of silence");
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, "SOL_TCP", "TCP_KEEPINTVL", 1, "every second");
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, "SOL_TCP", "TCP_KEEPCNT", kUnanswered,
             "three times");
}

bool is_host_lost(int socket) {
  tcp_info info{};
  socklen_t length = sizeof info;
  (void)perform(
      "getsockopt", "does the other host still answer?",
      [&] { return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length); },
      [&] {
        return shown::list(socket, "SOL_TCP", "TCP_INFO", "{...}",
                           "[" + std::to_string(length) + "]");
      })
      .check("");
  return (info.tcpi_probes >= kUnanswered || info.tcpi_retransmits >= kUnanswered) &&
         info.tcpi_last_ack_recv >= kSilence;
}

}  // namespace ipc::sys

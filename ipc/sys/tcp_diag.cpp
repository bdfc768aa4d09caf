#include "ipc/sys/tcp_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "ipc/sys/call.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/show.hpp"
#include "ipc/sys/socket.hpp"

namespace ipc::sys {
namespace {

struct Question {
  nlmsghdr header{};
  inet_diag_req_v2 about{};
};
struct Answer {
  nlmsghdr header;
  inet_diag_msg socket;
};

// getsockname(2) or getpeername(2), in the form of the question; false if it is no TCP address.
template <class Get>
bool address_by(Get get, std::uint8_t& family, __be32* address, __be16& port) {
  sockaddr_storage found{};
  socklen_t length = sizeof found;
  if (get(reinterpret_cast<sockaddr*>(&found), &length) != 0) return false;
  family = static_cast<std::uint8_t>(found.ss_family);
  if (found.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &found, sizeof v4);
    std::memcpy(address, &v4.sin_addr, sizeof v4.sin_addr);
    port = v4.sin_port;
    return true;
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &found, sizeof v6);
  std::memcpy(address, &v6.sin6_addr, sizeof v6.sin6_addr);
  port = v6.sin6_port;
  return found.ss_family == AF_INET6;
}

// The other end is the socket with the two addresses exchanged.
std::optional<Question> question_about_peer(int socket) {
  Question question;
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  auto& about = question.about;
  about.sdiag_protocol = IPPROTO_TCP;
  about.idiag_states = ~0u;
  about.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  about.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const auto here = [&](sockaddr* name, socklen_t* length) {
    return perform(
               "getsockname", "whose other end ...",
               [&] { return ::getsockname(socket, name, length); },
               [&] { return shown::list(socket, "{...}", *length); })
        .error;
  };
  const auto there = [&](sockaddr* name, socklen_t* length) {
    return perform(
               "getpeername", "... is where?", [&] { return ::getpeername(socket, name, length); },
               [&] { return shown::list(socket, "{...}", *length); })
        .error;
  };
  if (!address_by(here, about.sdiag_family, about.id.idiag_dst, about.id.idiag_dport) ||
      !address_by(there, about.sdiag_family, about.id.idiag_src, about.id.idiag_sport))
    return std::nullopt;
  return question;
}

}  // namespace

std::optional<std::uint32_t> unacknowledged_at_peer(int socket) {
  const auto question = question_about_peer(socket);
  if (!question) return std::nullopt;
  const Result made = perform(
      "socket", "to ask the kernel about a socket of another process",
      [] {
        return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
      },
      [] { return "AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC|SOCK_NONBLOCK, NETLINK_SOCK_DIAG"; });
  if (!made.ok()) return std::nullopt;
  const Fd kernel(made.fd());
  const std::array parts{part(std::as_bytes(std::span(&*question, 1)))};
  if (!sendmsg(kernel.get(), parts, "has the sender's kernel anything that is not here?").ok())
    return std::nullopt;
  // The answer is there before the question has returned, netlink(7).
  std::array<std::byte, 4096> room{};
  const Result got = recv(kernel.get(), room, "its bytes that we have not acknowledged");
  Answer answer{};
  if (!got.ok() || got.count() < sizeof answer) return std::nullopt;
  std::memcpy(&answer, room.data(), sizeof answer);
  if (answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  return answer.socket.idiag_wqueue;
}

}  // namespace ipc::sys

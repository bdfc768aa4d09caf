// What the kernel tells of the other end of a connection.
#include "ipc/sys/tcp_diag.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include "ipc/sys/socket.hpp"
#include "ipc/sys/tcp.hpp"
#include "ipc/sys/wait.hpp"
#include "tests/support/guard.hpp"

namespace {

using namespace ipc;
using namespace std::chrono_literals;

struct Connection {
  sys::Fd here;
  sys::Fd there;
};

Connection connect_to(const std::string& host) {
  sys::Endpoint bound;
  const auto listener = sys::listen_tcp(sys::resolve_endpoint(host + ":0"), bound, "a listener");
  Connection connection;
  connection.there = sys::connect_tcp(bound, Deadline::after(5s), "its other end");
  REQUIRE(sys::wait_readable(listener.get(), Deadline::after(5s), "until it has come"));
  connection.here = sys::Fd(sys::accept4(listener.get(), "this end").check("").fd());
  return connection;
}

std::size_t fill(int socket) {
  const std::array<char, 65536> block{};
  std::size_t sent = 0;
  for (;;) {
    const auto result = ::send(socket, block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && errno == EAGAIN) return sent;
    REQUIRE(result > 0);
    sent += static_cast<std::size_t>(result);
  }
}

std::size_t read_all(int socket) {
  std::array<char, 65536> room{};
  std::size_t got = 0;
  for (;;) {
    const auto result = ::recv(socket, room.data(), room.size(), MSG_DONTWAIT);
    if (result <= 0) return got;
    got += static_cast<std::size_t>(result);
  }
}

TEST_CASE_FIXTURE(test::Guard, "what has not arrived at this end is told of the other") {
  for (const std::string host : {"127.0.0.1", "[::1]"}) {
    CAPTURE(host);
    const auto connection = connect_to(host);
    const int here = connection.here.get();
    CHECK(sys::unacknowledged_at_peer(here) == 0);
    const auto sent = fill(connection.there.get());
    const auto left = sys::unacknowledged_at_peer(here);
    REQUIRE(left.has_value());
    CHECK(*left > 0);
    CHECK(*left < sent);
    std::size_t got = 0;
    const auto patience = Deadline::after(10s);
    while (sys::unacknowledged_at_peer(here) != 0 && !patience.expired()) got += read_all(here);
    CHECK(got + read_all(here) == sent);  // nothing was on its way when it said so
  }
}

TEST_CASE_FIXTURE(test::Guard, "of an end that is closed it is told until all has arrived") {
  auto connection = connect_to("127.0.0.1");
  const auto sent = fill(connection.there.get());
  connection.there = sys::Fd();
  const int here = connection.here.get();
  const auto left = sys::unacknowledged_at_peer(here);
  REQUIRE(left.has_value());
  CHECK(*left > 0);
  std::size_t got = 0;
  const auto patience = Deadline::after(10s);
  while (sys::unacknowledged_at_peer(here).value_or(0) != 0 && !patience.expired())
    got += read_all(here);
  CHECK(got + read_all(here) == sent);
}

TEST_CASE_FIXTURE(test::Guard, "of what is no TCP connection nothing is told") {
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  CHECK_FALSE(sys::unacknowledged_at_peer(pair[0]).has_value());
  for (const int fd : pair) ::close(fd);
}

}  // namespace

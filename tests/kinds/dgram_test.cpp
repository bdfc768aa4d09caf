// What is special to datagrams: credentials, users, plain sockets.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace ipc;
using namespace std::chrono_literals;
using test::bytes_of;
using test::Child;
using test::text_of;

// One datagram from a socket that knows nothing of us.
bool send_plainly(const std::string& path, std::string_view bytes) {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const auto sent = ::sendto(fd, bytes.data(), bytes.size(), 0,
                             reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
  return sent == static_cast<ssize_t>(bytes.size());
}

TEST_CASE_FIXTURE(test::Guard, "who sent a datagram is proven, also of one who has died since") {
  const auto receiver = kinds::dgram.listen("demo");
  Child other = Child::run([] {
    const auto out = kinds::dgram.connect("demo");
    test::expect(out->send(bytes_of("last words")) == Status::ok, "send");
    return ::raise(SIGKILL);
  });
  CHECK(other.wait() == -SIGKILL);
  const auto received = receiver->receive(Deadline::after(5s));
  CHECK(text_of(received.message) == "last words");
  CHECK(received.peer.pid == other.pid());
  CHECK(received.peer.uid == ::getuid());
  const auto died = receiver->receive(Deadline::after(5s));
  CHECK(died.status == Status::died);
  CHECK(died.peer.pid == other.pid());
}

TEST_CASE_FIXTURE(test::Guard, "messages of users who are not wanted are dropped and counted") {
  const auto receiver = kinds::dgram.listen("demo", {.mode = 0666, .from_uid = ::getuid() + 1});
  const auto out = kinds::dgram.connect("demo");
  CHECK(out->send(bytes_of("unheard"), Deadline::after(5s)) == Status::ok);
  CHECK(receiver->receive(Deadline::after(100ms)).status == Status::timed_out);
  CHECK(receiver->foreign_bytes() > 0);
  const auto heard = kinds::dgram.listen("other", {.from_uid = ::getuid()});
  const auto to_heard = kinds::dgram.connect("other");
  CHECK(to_heard->send(bytes_of("heard"), Deadline::after(5s)) == Status::ok);
  CHECK(text_of(heard->receive(Deadline::after(5s)).message) == "heard");
  CHECK(heard->foreign_bytes() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "a bare datagram of any program is a message, the empty one too") {
  const auto receiver = kinds::dgram.listen("bare", {.bare = true});
  const auto path = directory() + "/bare";
  struct stat about {};
  REQUIRE(::lstat(path.c_str(), &about) == 0);
  CHECK(S_ISSOCK(about.st_mode));
  CHECK((about.st_mode & 0777) == 0600);
  const std::string large(100'000, 'x');
  for (const std::string_view sent :
       {std::string_view("plain"), std::string_view(), std::string_view(large)}) {
    REQUIRE(send_plainly(path, sent));
    const auto received = receiver->receive(Deadline::after(5s));
    REQUIRE(received.status == Status::ok);
    CHECK(text_of(received.message) == sent);
    CHECK(received.peer.pid == ::getpid());
  }
  const auto out = kinds::dgram.connect("bare", {.bare = true});
  CHECK(out->send(bytes_of("ours, bare")) == Status::ok);
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "ours, bare");
  CHECK_THROWS_AS((void)kinds::dgram.connect("bare"), Error);
}

TEST_CASE_FIXTURE(test::Guard,
                  "a bare sender reaches a plain socket, and is told the longest datagram") {
  const auto path = directory() + "/plain";
  const int plain = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(plain, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  {
    const auto out = kinds::dgram.connect("plain", {.bare = true});
    CHECK(out->send(bytes_of("hello")) == Status::ok);
    char room[16];
    CHECK(::recv(plain, room, sizeof room, 0) == 5);
    const std::string longest(out->max_message(), 'x');
    CHECK(out->send(bytes_of(longest), Deadline::after(1s)) == Status::ok);
    CHECK_THROWS_AS((void)out->send(bytes_of(longest + "x")), Error);
    ::close(plain);
    CHECK(out->send(bytes_of("anybody?"), Deadline::after(1s)) == Status::closed);
  }
  CHECK_THROWS_AS((void)kinds::dgram.connect("plain", {.bare = true}), Error);
  ::unlink(path.c_str());
}

}  // namespace

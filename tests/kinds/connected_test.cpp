// What is special to kinds with a connection for each sender: seqpacket, stream, tcp.
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "ipc/sys/socket.hpp"
#include "ipc/sys/tcp.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Status;
using test::Child;
using test::Shared;

ipc::Bytes bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text(const ipc::Received& received) {
  return {reinterpret_cast<const char*>(received.message.data()), received.message.size()};
}

// Connects as a program that knows nothing of the library.
ipc::sys::Fd plain_connection(const std::string& directory, const std::string& name, int type,
                              bool abstract = false) {
  ipc::sys::Fd socket = ipc::sys::make_unix_socket(type, "a stranger");
  ipc::sys::connect_unix(socket.get(), {{directory, name}, name, abstract}, "a stranger")
      .check(name);
  return socket;
}

void put(const ipc::sys::Fd& socket, std::string_view text) {
  REQUIRE(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
}

TEST_CASE_FIXTURE(test::Guard, "credentials are shown, and users who are not to be heard are not") {
  for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream}) {
    CAPTURE(kind->name);
    {
      const auto receiver = kind->listen("demo");
      const auto out = kind->connect("demo");
      REQUIRE(out->send(bytes("who am I?"), Deadline::after(5s)) == Status::ok);
      const auto got = receiver->receive(Deadline::after(5s));
      REQUIRE(got.status == Status::ok);
      CHECK(got.peer.pid == ::getpid());
      CHECK(got.peer.uid == ::geteuid());
    }
    const auto receiver = kind->listen("demo", {.from_uid = ::geteuid() + 1});
    const auto out = kind->connect("demo");
    (void)out->send(bytes("unheard"), Deadline::after(1s));
    CHECK(receiver->receive(Deadline::after(300ms)).status == Status::timed_out);
    CHECK(receiver->foreign_bytes() > 0);
  }
}

TEST_CASE_FIXTURE(test::Guard, "an abstract name has no file, and its owner is the lease's") {
  for (const ipc::Kind* kind : {&ipc::kinds::dgram, &ipc::kinds::seqpacket, &ipc::kinds::stream}) {
    CAPTURE(kind->name);
    {
      const auto receiver = kind->listen("demo", {.abstract = true});
      CHECK(entries() == std::vector<std::string>{".demo.lease"});
      const auto out = kind->connect("demo");  // the lease says that it is abstract
      REQUIRE(out->send(bytes("hello"), Deadline::after(5s)) == Status::ok);
      CHECK(text(receiver->receive(Deadline::after(5s))) == "hello");
      CHECK_THROWS_AS((void)kind->listen("demo", {.abstract = true}), ipc::Error);
      CHECK_THROWS_AS((void)kind->listen("demo"), ipc::Error);
    }
    CHECK(entries().empty());
    const auto name = "ipcways-test-" + std::to_string(::getpid());
    const auto bare = kind->listen(name, {.abstract = true, .bare = true});
    const auto out = kind->connect(name, {.abstract = true, .bare = true});
    REQUIRE(out->send(bytes("bare"), Deadline::after(5s)) == Status::ok);
    CHECK(text(bare->receive(Deadline::after(5s))) == "bare");
  }
}

TEST_CASE_FIXTURE(test::Guard, "a killed receiver's abstract name can be taken over") {
  Shared<test::Gate> listens;
  Child other = Child::run([&] {
    const auto receiver = ipc::kinds::stream.listen("demo", {.abstract = true});
    listens->open();
    return ::pause();
  });
  REQUIRE(listens->wait());
  other.kill();
  const auto receiver = ipc::kinds::stream.listen("demo", {.abstract = true});
  const auto out = ipc::kinds::stream.connect("demo");
  CHECK(out->send(bytes("x"), Deadline::after(5s)) == Status::ok);
}

TEST_CASE_FIXTURE(test::Guard, "bare streams keep the lines of each connection apart") {
  const auto receiver = ipc::kinds::stream.listen("demo", {.bare = true});
  auto a = plain_connection(directory(), "demo", SOCK_STREAM);
  auto b = plain_connection(directory(), "demo", SOCK_STREAM);
  put(a, "first of a\nhalf of ");
  CHECK(text(receiver->receive(Deadline::after(5s))) == "first of a");
  put(b, "all of b\n");
  CHECK(text(receiver->receive(Deadline::after(5s))) == "all of b");
  put(a, "a line\nwithout newline");
  CHECK(text(receiver->receive(Deadline::after(5s))) == "half of a line");
  a.reset();
  CHECK(text(receiver->receive(Deadline::after(5s))) == "without newline");
  CHECK(receiver->receive(Deadline::after(100ms)).status == Status::timed_out);  // b is there
  b.reset();
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "a bare packet may be empty, and that is no end") {
  const auto receiver = ipc::kinds::seqpacket.listen("demo", {.bare = true});
  auto a = plain_connection(directory(), "demo", SOCK_SEQPACKET);
  put(a, "");
  put(a, "after");
  a.reset();
  const auto empty = receiver->receive(Deadline::after(5s));
  CHECK(empty.status == Status::ok);
  CHECK(empty.message.empty());
  CHECK(text(receiver->receive(Deadline::after(5s))) == "after");
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "a sender that never stops does not keep another from being heard") {
  for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream, &ipc::kinds::tcp}) {
    CAPTURE(kind->name);
    const auto receiver = kind->listen("demo");
    const auto loud = kind->connect("demo");
    const auto quiet = kind->connect("demo");
    while (loud->send(bytes("again"), Deadline::at_once()) == Status::ok) {
    }
    REQUIRE(quiet->send(bytes("excuse me"), Deadline::after(5s)) == Status::ok);
    int heard = 0;
    while (text(receiver->receive(Deadline::after(5s))) != "excuse me") REQUIRE(++heard <= 128);
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "any number of senders may come, send and leave before the receiver looks") {
  for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream, &ipc::kinds::tcp}) {
    CAPTURE(kind->name);
    const auto receiver = kind->listen("demo");
    constexpr int many = 300;  // more than may stay as strangers, and than are let in in one round
    for (int i = 0; i < many; ++i)
      REQUIRE(kind->connect("demo")->send(bytes(std::to_string(i)), Deadline::after(5s)) ==
              Status::ok);
    std::set<std::string> heard;
    for (int i = 0; i < many; ++i) {
      const auto got = receiver->receive(Deadline::after(5s));
      REQUIRE(got.status == Status::ok);
      CHECK(heard.insert(text(got)).second);
    }
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
  }
}

// Lets one system call fail, always for the descriptor for which it was made first.
class FailingHearing : public ipc::sys::Observer {
 public:
  explicit FailingHearing(std::string_view call) : call_(call) {}
  bool before(const ipc::sys::Call& call, ipc::sys::Result& pretended) override {
    if (call_ != call.name) return false;
    const auto arguments = call.arguments();
    const auto descriptor = arguments.substr(0, arguments.find(','));
    if (descriptor_.empty()) descriptor_ = descriptor;
    if (descriptor != descriptor_) return false;
    pretended = {call.name, -1, EIO};
    return true;
  }

 private:
  std::string call_;
  std::string descriptor_;
};

TEST_CASE_FIXTURE(test::Guard,
                  "a connection that cannot be read is an error, no end, and harms no other") {
  const struct {
    const ipc::Kind* kind;
    bool bare;
    std::string_view call;
  } all[] = {{&ipc::kinds::seqpacket, false, "recvfrom"}, {&ipc::kinds::stream, false, "read"},
             {&ipc::kinds::tcp, false, "read"},           {&ipc::kinds::seqpacket, true, "recvmsg"},
             {&ipc::kinds::stream, true, "read"},         {&ipc::kinds::tcp, true, "read"}};
  for (const auto& [kind, bare, call] : all) {
    CAPTURE(kind->name);
    CAPTURE(bare);
    const ipc::Options options{.bare = bare};
    const auto receiver = kind->listen(kind->traits.many_hosts && bare ? "0" : "demo", options);
    const auto one = kind->connect(receiver->address(), options);
    const auto other = kind->connect(receiver->address(), options);
    for (const auto* out : {&one, &other})
      REQUIRE((*out)->send(bytes("hello"), Deadline::after(5s)) == Status::ok);
    FailingHearing observer(call);
    ipc::sys::observe(&observer);
    int failed = 0;
    int heard = 0;
    for (int i = 0; i < 10; ++i) try {
        if (receiver->receive(Deadline::after(20ms)).status == Status::ok) ++heard;
      } catch (const ipc::Error& error) {
        CHECK(error.code().value() == EIO);
        ++failed;
      }
    ipc::sys::observe(nullptr);
    CHECK(failed > 1);
    CHECK(heard == 1);
    CHECK(text(receiver->receive(Deadline::after(5s))) == "hello");
    CHECK(receiver->receive(Deadline::after(20ms)).status == Status::timed_out);
  }
}

// Takes every descriptor that this process may have.
class Descriptors {
 public:
  explicit Descriptors(std::size_t room) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit limit = before_;
    limit.rlim_cur = test::open_descriptors().size() + room;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int fd = ::dup(2); fd >= 0; fd = ::dup(2)) taken_.emplace_back(fd);
    REQUIRE(errno == EMFILE);
    REQUIRE_FALSE(taken_.empty());
  }
  ~Descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  void give_back() { taken_.clear(); }

 private:
  rlimit before_{};
  std::vector<ipc::sys::Fd> taken_;
};

TEST_CASE_FIXTURE(test::Guard,
                  "who cannot be let in for lack of descriptors is told once, and let in later") {
  for (const bool bare : {false, true}) {
    for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream, &ipc::kinds::tcp}) {
      CAPTURE(kind->name);
      CAPTURE(bare);
      const ipc::Options options{.bare = bare};
      const auto receiver = kind->listen(kind->traits.many_hosts && bare ? "0" : "demo", options);
      const int fd = receiver->readiness_fd();
      Shared<test::Gate> may_come;
      Shared<test::Gate> has_sent;
      Child other = Child::run([&] {
        test::expect(may_come->wait(), "come");
        const auto out = kind->connect(receiver->address(), options);
        test::expect(out->send(bytes("from the backlog"), Deadline::after(5s)) == Status::ok, "");
        has_sent->open();
        return 0;
      });
      const auto out = kind->connect(receiver->address(), options);
      REQUIRE(out->send(bytes("before"), Deadline::after(5s)) == Status::ok);
      CHECK(text(receiver->receive(Deadline::after(5s))) == "before");
      Descriptors all(20);
      may_come->open();
      REQUIRE(has_sent->wait());
      try {
        (void)receiver->receive(Deadline::after(5s));
        FAIL("it was let in");
      } catch (const ipc::Error& error) {
        CHECK(error.trouble() == ipc::Trouble::limit);
        CHECK(std::string(error.what()).find("RLIMIT_NOFILE = ") != std::string::npos);
      }
      REQUIRE(out->send(bytes("meanwhile"), Deadline::after(5s)) == Status::ok);
      CHECK(text(receiver->receive(Deadline::after(5s))) == "meanwhile");
      // Nobody who polls is kept busy by one who waits in vain.
      int woken = 0;
      for (const auto end = Deadline::after(800ms); !end.expired(); ++woken) {
        pollfd watched{fd, POLLIN, 0};
        (void)::poll(&watched, 1, static_cast<int>(end.left() / 1ms) + 1);
        CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
      }
      CHECK(woken < 10);
      all.give_back();
      pollfd watched{fd, POLLIN, 0};
      std::string got;
      for (const auto end = Deadline::after(5s); got.empty() && !end.expired();) {
        REQUIRE(::poll(&watched, 1, 1000) == 1);
        got = text(receiver->receive(Deadline::at_once()));
      }
      CHECK(got == "from the backlog");
      CHECK(other.wait() == 0);
    }
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "tcp listens on loopback unless told otherwise, on a port it names") {
  const auto receiver = ipc::kinds::tcp.listen("0");
  const auto& address = receiver->address();
  CHECK(address.starts_with("127.0.0.1:"));
  CHECK(address != "127.0.0.1:0");
  try {
    (void)ipc::kinds::tcp.listen(address);
    FAIL("a second listener on the port");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::in_use);
    CHECK(std::string(error.what()).find("pid " + std::to_string(::getpid())) != std::string::npos);
  }
}

TEST_CASE_FIXTURE(test::Guard, "a killed tcp receiver's port can be taken at once") {
  struct State {
    test::Gate listens;
    test::SharedText address;
  };
  Shared<State> state;
  Child other = Child::run([&]() -> int {
    const auto receiver = ipc::kinds::tcp.listen("0");
    state->address.set(receiver->address());
    state->listens.open();
    for (;;) (void)receiver->receive();
  });
  REQUIRE(state->listens.wait());
  const auto address = state->address.get();
  const auto out = ipc::kinds::tcp.connect(address);
  REQUIRE(out->send(bytes("x"), Deadline::after(5s)) == Status::ok);
  other.kill();  // its half of the connection stays behind in the kernel
  const auto next = ipc::kinds::tcp.listen(address);
  const auto to_next = ipc::kinds::tcp.connect(address);
  CHECK(to_next->send(bytes("new life"), Deadline::after(5s)) == Status::ok);
  CHECK(text(next->receive(Deadline::after(5s))) == "new life");
}

// Senders that do not find the lease, as on another host.
TEST_CASE_FIXTURE(test::Guard,
                  "a tcp sender without the lease says hello and is a sender like others") {
  const auto receiver = ipc::kinds::tcp.listen("0", {.max_message = 1000, .max_senders = 1});
  Shared<test::Gate> refused;
  const auto other = [&](bool dies) {
    return Child::run([&receiver, &refused, dies] {
      ::setenv("IPC_DIR", "/nonexistent", 1);
      const auto out = ipc::kinds::tcp.connect(receiver->address());
      test::expect(out->max_message() == 1000, "max_message");
      try {
        (void)ipc::kinds::tcp.connect(receiver->address());
        test::expect(false, "a second sender");
      } catch (const ipc::Error& error) {
        test::expect(error.trouble() == ipc::Trouble::limit, error.what());
      }
      for (int i = 0; i < 3; ++i)
        test::expect(out->send(bytes("hello"), Deadline::after(5s)) == Status::ok, "send");
      test::expect(out->taken(3, Deadline::after(5s)) == 3, "taken");
      if (dies) ::_exit(1);
      return 0;
    });
  };
  for (const bool dies : {false, true}) {
    Child child = other(dies);
    for (int i = 0; i < 3; ++i) {
      const auto got = receiver->receive(Deadline::after(5s));
      REQUIRE(text(got) == "hello");
      CHECK(got.peer.claimed_pid == child.pid());
    }
    if (dies) CHECK(receiver->receive(Deadline::after(2s)).status == Status::died);
    CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
    CHECK(child.wait() == (dies ? 1 : 0));
  }
}

TEST_CASE_FIXTURE(test::Guard, "a tcp receiver that does not read is not taken for dead") {
  const auto receiver = ipc::kinds::tcp.listen("0");
  Child child = Child::run([&] {
    ::setenv("IPC_DIR", "/nonexistent", 1);
    const auto out = ipc::kinds::tcp.connect(receiver->address());
    const std::string block(100'000, 'x');
    for (;;)
      if (const auto status = out->send(bytes(block), Deadline::after(7s)); status != Status::ok)
        return status == Status::timed_out ? 0 : 1;
  });
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
  CHECK(child.wait(30s) == 0);
}

TEST_CASE_FIXTURE(test::Guard,
                  "tcp: what is still on its way from a dead sender comes before its end") {
  bool is_held = false;
  SUBCASE("its connection ends with it") {}
  SUBCASE("a forked child holds its connection") {
    is_held = true;
  }
  // On a network of its own, on which a message takes a second.
  Child network = Child::run([&] {
    test::expect(::unshare(CLONE_NEWNET) == 0, "a network name space");
    test::expect(std::system("ip link set lo up && tc qdisc add dev lo root "
                             "tbf rate 512kbit burst 70k latency 8s") == 0,
                 "a slow loopback interface: ip(8), tc(8)");
    const auto receiver = ipc::kinds::tcp.listen("demo");
    Shared<test::Gate> has_read;
    Child sender = Child::run([&] {
      const auto out = ipc::kinds::tcp.connect("demo");
      for (char name = 'a'; name < 'd'; ++name)
        test::expect(out->send(bytes(std::string(65'000, name)), Deadline::after(5s)) == Status::ok,
                     "send");
      if (is_held && ::fork() == 0) {
        (void)has_read->wait(1, 30s);
        ::_exit(0);
      }
      ::raise(SIGKILL);
      return 1;
    });
    test::expect(sender.wait() == -SIGKILL, "the sender is dead before the second one is there");
    for (char name = 'a'; name < 'd'; ++name)
      test::expect(text(receiver->receive(Deadline::after(20s))) == std::string(65'000, name),
                   std::string("message ") + name);
    test::expect(receiver->receive(Deadline::after(5s)).status == Status::died, "then its death");
    test::expect(receiver->receive(Deadline::after(5s)).status == Status::closed, "and the end");
    has_read->open();
    return 0;
  });
  CHECK(network.wait(60s) == 0);
}

}  // namespace

// What is special to tcp: its addresses, senders that see no lease, and a slow network.
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Status;
using test::bytes_of;
using test::Child;
using test::Shared;
using test::text_of;

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
  REQUIRE(out->send(bytes_of("x"), Deadline::after(5s)) == Status::ok);
  other.kill();  // its half of the connection stays behind in the kernel
  const auto next = ipc::kinds::tcp.listen(address);
  const auto to_next = ipc::kinds::tcp.connect(address);
  CHECK(to_next->send(bytes_of("new life"), Deadline::after(5s)) == Status::ok);
  CHECK(text_of(next->receive(Deadline::after(5s)).message) == "new life");
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
        test::expect(out->send(bytes_of("hello"), Deadline::after(5s)) == Status::ok, "send");
      test::expect(out->taken(3, Deadline::after(5s)) == 3, "taken");
      if (dies) ::_exit(1);
      return 0;
    });
  };
  for (const bool dies : {false, true}) {
    Child child = other(dies);
    for (int i = 0; i < 3; ++i) {
      const auto got = receiver->receive(Deadline::after(5s));
      REQUIRE(text_of(got.message) == "hello");
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
      if (const auto status = out->send(bytes_of(block), Deadline::after(7s)); status != Status::ok)
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
        test::expect(
            out->send(bytes_of(std::string(65'000, name)), Deadline::after(5s)) == Status::ok,
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
      test::expect(
          text_of(receiver->receive(Deadline::after(20s)).message) == std::string(65'000, name),
          std::string("message ") + name);
    test::expect(receiver->receive(Deadline::after(5s)).status == Status::died, "then its death");
    test::expect(receiver->receive(Deadline::after(5s)).status == Status::closed, "and the end");
    has_read->open();
    return 0;
  });
  CHECK(network.wait(60s) == 0);
}

}  // namespace

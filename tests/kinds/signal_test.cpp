// What is special to signals: the narrow form, strangers, threads, the user's queue, and bare signals.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <latch>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/kernel.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Options;
using ipc::Status;
using test::bytes_of;
using test::Child;
using test::expect;
using test::text_of;

const ipc::Kind& kind = ipc::kinds::signal;

Options on(int number) {
  Options options;
  options.signal = number;
  return options;
}
Options bare() {
  Options options;
  options.bare = true;
  return options;
}

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = std::byte(i * 7 % 251);
  return bytes;
}

TEST_CASE_FIXTURE(test::Guard,
                  "where a signal carries 8 bytes only, messages of all lengths arrive too") {
  const auto receiver = [] {
    // It tries the wide form on itself with the first signal that it sends.
    const test::Kernel narrow([](const ipc::sys::Call& call) {
      return std::strcmp(call.name, "pidfd_send_signal") == 0 ? EINVAL : 0;
    });
    return kind.listen("demo");
  }();
  for (const std::size_t size : {0u, 1u, 2u, 6u, 7u, 100u, 4000u, 200'000u}) {
    CAPTURE(size);
    Child other = Child::run([&] {
      const auto out = kind.connect("demo");
      return out->send(pattern(size), Deadline::after(20s)) == Status::ok ? 0 : 1;
    });
    auto got = receiver->receive(Deadline::after(20s));
    REQUIRE(got.status == Status::ok);
    CHECK(std::ranges::equal(got.message, pattern(size)));
    CHECK(other.wait() == 0);
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
  }
  CHECK(receiver->foreign_bytes() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "signals of strangers are counted and cost no message") {
  const int number = SIGRTMIN + 8;
  const auto receiver = kind.listen("demo", on(number));
  const auto out = kind.connect("demo");
  for (int i = 0; i < 100; ++i) {
    REQUIRE(::sigqueue(::getpid(), number, {.sival_int = i * 12345}) == 0);
    REQUIRE(::kill(::getpid(), number) == 0);
    REQUIRE(out->send(bytes_of("between them")) == Status::ok);
    const auto got = receiver->receive(Deadline::after(5s));
    REQUIRE(got.status == Status::ok);
    CHECK(text_of(got.message) == "between them");
  }
  CHECK(receiver->foreign_bytes() == 200);
}

TEST_CASE_FIXTURE(test::Guard, "a signal that another thread would die of is refused") {
  // The C library starts a thread with all signals blocked, and gives it its mask a moment later.
  std::latch started(1);
  std::latch looked(1);
  std::thread other([&] {
    started.count_down();
    looked.wait();
  });
  started.wait();
  try {
    (void)kind.listen("demo");
    FAIL("it was taken");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::invalid);
    CHECK(std::string(error.what()).find("thread") != std::string::npos);
  }
  looked.count_down();
  other.join();
  CHECK_NOTHROW((void)kind.listen("demo"));
}

TEST_CASE_FIXTURE(test::Guard, "a receiver that dies while a sender comes is none") {
  test::Shared<test::Gate> listens;
  Child other = Child::run([&] {
    const auto receiver = kind.listen("demo");
    listens->open();
    for (;;) ::pause();
    return 0;
  });
  REQUIRE(listens->wait());
  try {
    // Once its process has been opened, and is asked which one it is.
    const test::Kernel deadly([&](const ipc::sys::Call& call) {
      if (std::strcmp(call.why, "when was it started?") == 0 && other.is_running()) other.kill();
      return 0;
    });
    (void)kind.connect("demo");
    FAIL("it was there");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::no_receiver);
  }
  (void)kind.listen("demo");  // takes away what the dead one has left
}

TEST_CASE_FIXTURE(test::Guard, "a thread that has just ended would not die of it") {
  // All threads block what may be taken, so that there is never a reason to refuse it.
  sigset_t all;
  ::sigfillset(&all);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  std::atomic<bool> enough{false};
  std::thread starter([&] {
    while (!enough) std::thread([] {}).join();
  });
  for (int i = 0; i < 1000; ++i) CHECK_NOTHROW((void)kind.listen("demo"));
  enough = true;
  starter.join();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE_FIXTURE(test::Guard, "a number is one receiver's; only real-time signals will do") {
  const auto receiver = kind.listen("demo", on(SIGRTMIN + 9));
  try {
    (void)kind.listen("other", on(SIGRTMIN + 9));
    FAIL("it was taken twice");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::in_use);
  }
  CHECK_THROWS_AS((void)kind.listen("other", on(SIGUSR1)), ipc::Error);
}

TEST_CASE_FIXTURE(test::Guard, "a signal that comes after the receiver has ended harms nobody") {
  const int number = SIGRTMIN + 10;
  auto receiver = kind.listen("demo", on(number));
  receiver.reset();
  CHECK(::sigqueue(::getpid(), number, {.sival_int = 1}) == 0);
}

TEST_CASE_FIXTURE(test::Guard, "at most an eighth of the user's queue is used, and it goes on") {
  Child other = Child::run([] {
    const rlimit limit{64, 64};
    expect(::setrlimit(RLIMIT_SIGPENDING, &limit) == 0, "setrlimit");
    const auto receiver = kind.listen("demo");
    const auto out = kind.connect("demo");
    int sent = 0;
    while (out->send(bytes_of("x"), Deadline::at_once()) == Status::ok) ++sent;
    expect(sent == 7, "8 signals, of which one is the greeting");
    for (int i = 0; i < sent; ++i)
      expect(static_cast<bool>(receiver->receive(Deadline::after(5s))), "what was sent");
    expect(out->send(bytes_of("y"), Deadline::after(5s)) == Status::ok, "room again");
    return 0;
  });
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "bare: ordinary signals are one bit, real-time signals are queued") {
  Child other = Child::run([] {
    const auto receiver = kind.listen("", bare());
    expect(receiver->address() == std::to_string(::getpid()), "its pid is its address");
    Child sender = Child::run([address = receiver->address()] {
      Options how = bare();
      how.signal = SIGUSR1;
      const auto bits = kind.connect(address, how);
      how.signal = SIGRTMIN + 3;
      const auto queue = kind.connect(address, how);
      for (int i = 0; i < 1000; ++i) {
        expect(bits->send({}) == Status::ok, "USR1");
        expect(queue->send(bytes_of(std::to_string(i))) == Status::ok, "RTMIN+3");
      }
      return 0;
    });
    expect(sender.wait() == 0, "the sender");
    int bits = 0;
    int queued = 0;
    for (;;) {
      const auto got = receiver->receive(Deadline::at_once());
      if (!got) break;
      const auto words = text_of(got.message);
      if (words == "10 (SIGUSR1)") {
        ++bits;
        expect(got.peer.pid == sender.pid() || got.peer.pid.has_value(), "kill(2) proves a pid");
      } else {
        expect(words.ends_with("(SIGRTMIN+3) " + std::to_string(queued)), words);
        ++queued;
      }
    }
    expect(bits == 1, "sent 1000, received 1");
    expect(queued == 1000, "1000 of 1000");
    return 0;
  });
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "bare: a process that is not there, or has gone, is told") {
  Child other = Child::run([] {
    for (;;) ::pause();
    return 0;
  });
  const auto out = kind.connect(std::to_string(other.pid()), bare());
  other.kill();
  CHECK(out->send({}) == Status::closed);
  CHECK_THROWS_AS((void)kind.connect("0", bare()), ipc::Error);
  CHECK_THROWS_AS((void)kind.connect("-1", bare()), ipc::Error);
  CHECK_THROWS_AS((void)kind.connect("demo", bare()), ipc::Error);
}

}  // namespace

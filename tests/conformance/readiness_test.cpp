// What readiness_fd() promises to event loops.
#include <time.h>
#include <unistd.h>

#include <csignal>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

constexpr auto kLatest = 500ms;
// What a busy machine may add.
constexpr auto kNoise = 100ms;

TEST_CASE_FIXTURE(Case,
                  "readiness tells of a message that came before it was asked for, and after") {
  const auto receiver = listen();
  const auto out = connect(receiver->address());
  REQUIRE(out->send(text("early"), Deadline::after(5s)) == Status::ok);
  const int fd = receiver->readiness_fd();
  CHECK(receiver->readiness_fd() == fd);
  CHECK(becomes_readable(fd, kLatest + kNoise));
  CHECK(text_of(receiver->receive(Deadline::at_once()).message) == "early");
  CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
  REQUIRE(out->send(text("late"), Deadline::after(5s)) == Status::ok);
  CHECK(becomes_readable(fd, kLatest + kNoise));
  CHECK(text_of(receiver->receive(Deadline::at_once()).message) == "late");
}

TEST_CASE_FIXTURE(Case, "readiness goes on telling until everything has been taken") {
  const auto receiver = listen();
  const auto out = connect(receiver->address());
  const int fd = receiver->readiness_fd();
  for (const auto* word : {"one", "two", "three"})
    REQUIRE(out->send(text(word), Deadline::after(5s)) == Status::ok);
  for (const auto* word : {"one", "two", "three"}) {
    REQUIRE(becomes_readable(fd, kLatest + kNoise));
    REQUIRE(text_of(receiver->receive(Deadline::at_once()).message) == word);
  }
}

TEST_CASE_FIXTURE(Case, "readiness tells of a death and of the last end one by one") {
  const auto receiver = listen();
  const int fd = receiver->readiness_fd();
  for (int round = 0; round < 3; ++round) {
    Child other = Child::run([&] {
      const auto out = connect(receiver->address());
      return out->send(text("last words"), Deadline::after(5s)) == Status::ok ? 0 : 1;
    });
    Shared<test::Gate> sent;
    Child killed = sender(receiver->address(), [&](ipc::Sender& out) {
      expect(out.send(text("last words"), Deadline::after(5s)) == Status::ok, "send");
      sent->open();
      return ::pause();
    });
    REQUIRE(sent->wait());
    REQUIRE(other.wait() == 0);
    killed.kill();
    bool died = false;
    for (bool closed = false; !closed;) {
      REQUIRE(becomes_readable(fd, kLatest + kNoise));
      const auto received = receiver->receive(Deadline::at_once());
      if (received.status == Status::died) died = true;
      if (received.status == Status::closed) closed = true;
    }
    CHECK(died);
  }
}

TEST_CASE_FIXTURE(Case, "after `closed` readiness is quiet until somebody connects") {
  const auto receiver = listen();
  const int fd = receiver->readiness_fd();
  Ears ears(*receiver, Style::polled);
  for (int round = 0; round < 2; ++round) {
    auto out = connect(receiver->address());
    CHECK(ears.next(300ms).status == Status::timed_out);
    out.reset();
    CHECK(ears.next(1s).status == Status::closed);
    CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
    CHECK_FALSE(becomes_readable(fd, 1200ms));
  }
}

TEST_CASE_FIXTURE(Case, "who connects and is killed at once is told through readiness too") {
  const auto receiver = listen();
  Ears ears(*receiver, Style::polled);
  CHECK(ears.next(10ms).status == Status::timed_out);
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    Child other = Child::run([&] {
      const auto out = connect(receiver->address());
      return ::raise(SIGKILL);
    });
    CHECK(ears.next(1500ms).status == Status::died);
    CHECK(ears.next(1500ms).status == Status::closed);
  }
}

std::chrono::nanoseconds cpu_time() {
  std::timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST_CASE_FIXTURE(Case, "waiting for nothing costs next to nothing") {
  bool is_connected = false;
  SUBCASE("with an idle sender") {
    is_connected = true;
  }
  SUBCASE("with nobody") {}
  const auto style = each_style();
  const auto receiver = listen();
  std::unique_ptr<ipc::Sender> out;
  if (is_connected) out = connect(receiver->address());
  Ears ears(*receiver, style);
  CHECK(ears.next(300ms).status == Status::timed_out);
  // 0.1 % of a core. A single look can cost several times as much beside others who use up the caches:
  // then over a longer time.
  const auto before = cpu_time();
  const Stopwatch watch;
  const auto is_too_much = [&] { return cpu_time() - before >= watch.elapsed() / 1000; };
  do {
    CHECK(ears.next(1200ms).status == Status::timed_out);
  } while (is_too_much() && watch.elapsed() < 6s);
  CHECK_FALSE(is_too_much());
}

}  // namespace
}  // namespace conformance

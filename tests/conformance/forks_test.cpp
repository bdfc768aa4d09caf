// Objects belong to the process that made them, and forked children change nothing.
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

template <class Act>
void expect_refused(Act act, const std::string& what) {
  try {
    (void)act();
  } catch (const std::logic_error&) {
    return;
  }
  expect(false, what + " in a forked child was not refused");
}

TEST_CASE_FIXTURE(
    Case, "a forked child cannot use its parent's objects, and destroying them harms nothing") {
  auto receiver = listen();
  auto out = connect(receiver->address());
  REQUIRE(out->send(text("before"), Deadline::after(5s)) == Status::ok);
  for (const bool destroys : {false, true}) {
    Child child = Child::forked([&] {
      if (destroys) {
        out.reset();
        receiver.reset();
        return 0;
      }
      expect_refused([&] { return receiver->receive(Deadline::at_once()).status; }, "receive");
      expect_refused([&] { return receiver->readiness_fd(); }, "readiness_fd");
      expect_refused([&] { return out->send({}, Deadline::at_once()); }, "send");
      expect_refused([&] { return out->reserve(10, Deadline::at_once()).status(); }, "reserve");
      expect_refused([&] { return out->taken(0, Deadline::at_once()); }, "taken");
      // Its own objects work.
      const auto own = connect(receiver->address());
      return own->send(text("the child"), Deadline::after(5s)) == Status::ok ? 0 : 1;
    });
    CHECK(child.wait() == 0);
  }
  Ears ears(*receiver);
  CHECK(text_of(ears.next().message) == "before");
  CHECK(text_of(ears.next().message) == "the child");
  CHECK(ears.next(kQuiet).status == Status::timed_out);
  CHECK(out->send(text("after"), Deadline::after(5s)) == Status::ok);
  CHECK(text_of(ears.next().message) == "after");
  out.reset();
  CHECK(ears.next(1s).status == Status::closed);
}

TEST_CASE_FIXTURE(Case, "a reservation that is open during a fork stays its maker's") {
  const auto receiver = listen();
  const auto out = connect(receiver->address());
  auto room = out->reserve(5, Deadline::after(5s));
  Child child = Child::forked([&] {
    expect_refused([&] { return room.commit(5); }, "commit");
    { const auto dropped = std::move(room); }
    return 0;
  });
  CHECK(child.wait() == 0);
  const auto bytes = text("hello");
  std::copy(bytes.begin(), bytes.end(), room.bytes().begin());
  CHECK(room.commit(5) == Status::ok);
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "hello");
}

// A process with a receiver or sender that forks a child, which lives on with all that it
// inherited; then the process is killed.
struct Family {
  test::Gate ready;
  test::SharedText address;
  std::atomic<pid_t> heir{0};
};

// PR_SET_PDEATHSIG would end the heir with its parent, so it is forked plainly and ended by pid.
void leave_an_heir(Family& family) {
  const pid_t heir = ::fork();
  if (heir == 0) {
    ::alarm(30);  // its end, should the case fail to reach it
    family.heir = ::getpid();
    family.ready.open();
    for (;;) ::pause();
  }
  for (;;) ::pause();
}

TEST_CASE_FIXTURE(Case,
                  "a forked child that lives on does not keep its dead parent's sender alive") {
  const auto receiver = listen();
  const auto address = receiver->address();
  Shared<Family> family;
  Child parent = Child::run([&] {
    const auto out = connect(address);
    expect(out->send(text("x"), Deadline::after(5s)) == Status::ok, "send");
    leave_an_heir(*family);
    return 0;
  });
  REQUIRE(family->ready.wait());
  Ears ears(*receiver);
  CHECK(ears.next().status == Status::ok);
  parent.kill();
  const Stopwatch watch;
  const auto received = ears.next(3s);
  const auto told_after = watch.elapsed();
  ::kill(family->heir, SIGKILL);
  if (kind().traits.named) {
    CHECK(received.status == Status::died);
    CHECK(told_after < 1s);
  } else {
    // What has no name has nothing but its open ends, and the child inherited those.
    CHECK(received.status == Status::timed_out);
    CHECK(ears.next(1s).status == Status::died);
  }
}

TEST_CASE_FIXTURE(Case,
                  "a forked child that lives on does not keep its dead parent's receiver alive") {
  const auto address = fresh_address();
  Shared<Family> family;
  Child parent = Child::run([&] {
    const auto receiver = kind().listen(address);
    family->address.set(receiver->address());
    leave_an_heir(*family);
    return 0;
  });
  REQUIRE(family->ready.wait());
  const auto out = connect(family->address.get());
  CHECK(out->send(text("x"), Deadline::after(5s)) == Status::ok);
  parent.kill();
  const Stopwatch watch;
  Status status = Status::ok;
  while (status != Status::closed && watch.elapsed() < 3s)
    status = out->send(some_bytes(1000), Deadline::after(50ms));
  const auto told_after = watch.elapsed();
  if (kind().traits.named) {
    CHECK(status == Status::closed);
    CHECK(told_after < 1s);
    const auto next = kind().listen(address);
    const auto to_next = connect(address);
    CHECK(to_next->send(text("new life"), Deadline::after(5s)) == Status::ok);
    CHECK(comes(*next, "new life"));
  } else {
    CHECK(status == Status::timed_out);  // for the same reason
  }
  ::kill(family->heir, SIGKILL);
}

}  // namespace
}  // namespace conformance

// What becomes of messages when a call of the kernel fails, or takes its time, at the wrong moment.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/kinds/one_of.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/kernel.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Status;
using test::bytes_of;
using test::Child;
using test::expect;
using test::Kernel;
using test::text_of;

bool opens_bell(const ipc::sys::Call& call) {
  return std::strstr(call.why, "and this wakes it") != nullptr;
}

const ipc::Kind& with_a_bell() {
  return test::one_of(
      {&ipc::kinds::shm, &ipc::kinds::mmap, &ipc::kinds::sysv_mq, &ipc::kinds::boost_mq});
}

// As an event loop does: waits until there is something, then takes all of it. Returns how often it
// woke within `span`.
unsigned run_loop(ipc::Receiver& receiver, std::chrono::milliseconds span,
                  const std::function<void(const ipc::Received&)>& handle) {
  unsigned wake_ups = 0;
  for (const auto end = Deadline::after(span); !end.expired(); ++wake_ups) {
    pollfd ready{receiver.readiness_fd(), POLLIN, 0};
    const auto left = end.left_timespec();
    (void)::ppoll(&ready, 1, &left, nullptr);
    for (;;) {
      const auto got = receiver.receive(Deadline::at_once());
      if (got.status == Status::timed_out) break;
      handle(got);
    }
  }
  return wake_ups;
}

TEST_CASE_FIXTURE(test::Guard, "a bell that rings long after its message wakes once") {
  const auto& kind = with_a_bell();
  auto receiver = kind.listen("box");
  (void)receiver->readiness_fd();
  test::Shared<test::Gate> done;
  Child sender = Child::run([&] {
    const auto out = kind.connect("box");
    const Kernel slow([](const ipc::sys::Call& call) {
      if (opens_bell(call)) ::usleep(400'000);
      return 0;
    });
    expect(out->send(bytes_of("x"), Deadline::after(5s)) == Status::ok, "send");
    expect(done->wait(), "the end");
    return 0;
  });
  unsigned messages = 0;
  CHECK(run_loop(*receiver, 2s, [&](const ipc::Received& got) {
          messages += got.status == Status::ok;
        }) < 100);  // four looks a second, and the bell
  CHECK(messages == 1);
  done->open();
  CHECK(sender.wait() == 0);
  receiver.reset();
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "who finds no descriptor for the bell has sent all the same") {
  const auto& kind = with_a_bell();
  auto receiver = kind.listen("box");
  Child sender = Child::run([&] {
    const auto out = kind.connect("box");
    expect(out->send(bytes_of("before"), Deadline::after(5s)) == Status::ok, "send");
    expect(out->taken(1, Deadline::after(5s)) == 1, "taken");
    ::usleep(300'000);  // until it sleeps again
    const Kernel full([](const ipc::sys::Call& call) { return opens_bell(call) ? EMFILE : 0; });
    expect(out->send(bytes_of("after"), Deadline::after(5s)) == Status::ok, "send");
    expect(out->taken(2, Deadline::after(5s)) == 2, "taken");
    return 0;
  });
  std::string texts;
  (void)run_loop(*receiver, 2s, [&](const ipc::Received& got) { texts += text_of(got.message); });
  CHECK(texts == "beforeafter");
  CHECK(sender.wait() == 0);
  receiver.reset();
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "a lane that could not be mapped is mapped at the next receive") {
  const auto& kind = ipc::kinds::shm;
  const auto receiver = kind.listen("box");
  const auto out = kind.connect("box");
  REQUIRE(out->send(bytes_of("x")) == Status::ok);
  {
    const Kernel full([](const ipc::sys::Call& call) {
      return std::strcmp(call.name, "mmap") == 0 ? ENOMEM : 0;
    });
    CHECK_THROWS_AS((void)receiver->receive(Deadline::after(1s)), ipc::Error);
  }
  CHECK(text_of(receiver->receive(Deadline::after(1s)).message) == "x");
}

TEST_CASE_FIXTURE(test::Guard, "what is published and could not be flushed counts as sent") {
  const auto& kind = ipc::kinds::mmap;
  ipc::Options sync;
  sync.sync = true;
  auto receiver = kind.listen("box", sync);
  const auto out = kind.connect("box", sync);
  {
    const Kernel broken([](const ipc::sys::Call& call) {
      return std::strcmp(call.why, "and that it counts") == 0 ? EIO : 0;
    });
    CHECK_THROWS_AS((void)out->send(bytes_of("one")), ipc::Error);
  }
  CHECK(out->send(bytes_of("two")) == Status::ok);
  CHECK(text_of(receiver->receive(Deadline::after(1s)).message) == "one");
  receiver.reset();  // it has consumed the first, and notes by its number that it did
  receiver = kind.listen("box", sync);
  CHECK(text_of(receiver->receive(Deadline::after(1s)).message) == "two");
  receiver.reset();
  kind.remove("box");
}

}  // namespace

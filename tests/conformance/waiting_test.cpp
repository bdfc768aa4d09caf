// Sentence 4: a full channel makes the sender wait; deadlines are kept, and leave nothing behind.
#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/conformance/conformance.hpp"
#include "tests/support/pace.hpp"

namespace conformance {
namespace {

TEST_CASE_FIXTURE(Case, "a full channel makes the sender wait, and room wakes it") {
  struct Progress {
    std::atomic<std::uint32_t> sent{0};
  };
  Shared<Progress> progress;
  const auto receiver = listen();
  constexpr std::uint32_t count = 200;
  Child other = sender(receiver->address(), [&](ipc::Sender& out) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (out.send(message(1, i, 100'000)) != Status::ok) return 1;
      ++progress->sent;
    }
    return 0;
  });
  // It stands still once the channel is full: nothing is dropped to make it go on.
  std::uint32_t before = 0;
  for (auto last = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() - last < 300ms;) {
    std::this_thread::sleep_for(5ms);
    if (const auto now = progress->sent.load(); now != before) {
      before = now;
      last = std::chrono::steady_clock::now();
    }
  }
  REQUIRE(before < count);
  Ears ears(*receiver);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto received = ears.next();
    REQUIRE(received.status == Status::ok);
    const auto label = label_of(received.message);
    REQUIRE(label);
    CHECK(label->number == i);
  }
  CHECK(ears.next().status == Status::closed);
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "room for one frame wakes a waiting sender promptly") {
  const auto receiver = listen();
  constexpr std::uint32_t count = 300;
  Child other = sender(receiver->address(), [](ipc::Sender& out) {
    for (std::uint32_t i = 0; i < count; ++i)
      if (out.send(message(1, i, 60'000)) != Status::ok) return 1;
    return 0;
  });
  Ears ears(*receiver);
  const Stopwatch watch;
  std::size_t messages = 0;
  CHECK(ears.next_end(&messages).status == Status::closed);
  CHECK(messages == count);
  // A sender that polled, or was woken by its 250-ms look only, would need a minute.
  if (bulk(count * 60'000) == count * 60'000) CHECK(watch.elapsed() < 10s);
  CHECK(other.wait() == 0);
}

// The least lateness of several tries, so that a busy machine does not count; never early at all.
template <class Wait>
void check_deadline(std::chrono::nanoseconds span, Wait wait) {
  auto least = std::chrono::nanoseconds::max();
  for (int i = 0; i < 5; ++i) {
    const Stopwatch watch;
    wait(Deadline::after(span));
    const auto late = watch.elapsed() - span;
    CHECK(late >= 0ns);
    least = std::min(least, late);
  }
  CHECK(least < test::allowed(4ms));
}

template <class Act>
void check_at_once(Act act) {
  auto least = std::chrono::nanoseconds::max();
  for (int i = 0; i < 10; ++i) {
    const Stopwatch watch;
    act(i % 2 == 0 ? Deadline::at_once() : Deadline::after(-1s));
    least = std::min(least, watch.elapsed());
  }
  CHECK(least < test::allowed(2ms));
}

TEST_CASE_FIXTURE(Case, "a receive waits until its deadline, not shorter and hardly longer") {
  const auto receiver = listen();
  const auto wait = [&](Deadline deadline) {
    CHECK(receiver->receive(deadline).status == Status::timed_out);
  };
  for (const auto span : {1ms, 20ms, 260ms}) check_deadline(span, wait);
  check_at_once(wait);
  // The same with somebody connected, and once readiness has been asked for.
  const auto out = connect(receiver->address());
  check_deadline(20ms, wait);
  (void)receiver->readiness_fd();
  check_deadline(20ms, wait);
  check_at_once(wait);
}

TEST_CASE_FIXTURE(Case, "a send into a full channel waits until its deadline, whatever its size") {
  const auto receiver = listen();
  const auto out = connect(receiver->address());
  fill(*out, 1, 4000);
  fill(*out, 1, 16);
  for (const std::size_t size : {std::size_t{4000}, std::size_t{200'000}}) {
    CAPTURE(size);
    const auto bytes = some_bytes(size);
    const auto wait = [&](Deadline deadline) {
      CHECK(out->send(bytes, deadline) == Status::timed_out);
    };
    for (const auto span : {1ms, 20ms, 260ms}) check_deadline(span, wait);
    check_at_once(wait);
    check_deadline(20ms, [&](Deadline deadline) {
      auto room = out->reserve(size, deadline);
      const auto status = room ? room.commit(size) : room.status();
      CHECK(status == Status::timed_out);
    });
  }
  if (kind().traits.acknowledges)
    check_deadline(20ms, [&](Deadline deadline) { CHECK(out->taken(1, deadline) == 0); });
}

TEST_CASE_FIXTURE(Case, "what timed out is never delivered, and the next message passes") {
  bool receiver_is_asleep = false;
  SUBCASE("while the receiver sleeps") {
    receiver_is_asleep = true;
  }
  SUBCASE("while the receiver drains slowly") {}
  constexpr std::uint32_t tries = 1000;
  constexpr std::uint32_t last = 1'000'000;
  struct Progress {
    test::Gate tried;
    std::array<std::atomic<bool>, tries> passed{};
  };
  Shared<Progress> progress;
  const auto receiver = listen();
  Child other = sender(receiver->address(), [&](ipc::Sender& out) {
    for (std::uint32_t i = 0; i < tries; ++i)
      progress->passed[i] = out.send(message(7, i, 100'000), Deadline::after(500us)) == Status::ok;
    progress->tried.open();
    return out.send(message(7, last, 100'000), Deadline::after(30s)) == Status::ok ? 0 : 1;
  });
  if (receiver_is_asleep) REQUIRE(progress->tried.wait());
  Ears ears(*receiver);
  std::vector<std::uint32_t> numbers;
  for (;;) {
    const auto received = ears.next(30s);
    if (received.status == Status::closed) break;
    REQUIRE(received.status == Status::ok);
    const auto label = label_of(received.message);
    REQUIRE(label);
    numbers.push_back(label->number);
    if (!receiver_is_asleep && progress->tried.count() == 0) std::this_thread::sleep_for(2ms);
  }
  CHECK(other.wait() == 0);
  std::vector<std::uint32_t> passed;
  for (std::uint32_t i = 0; i < tries; ++i)
    if (progress->passed[i]) passed.push_back(i);
  CHECK(passed.size() < tries);  // else nothing has been shown
  passed.push_back(last);
  CHECK(numbers == passed);
  CHECK(receiver->foreign_bytes() == 0);
}

TEST_CASE_FIXTURE(Case, "a send that does not wait puts a whole message or nothing") {
  const auto receiver = listen();
  constexpr std::uint32_t tries = 2000;
  Shared<std::array<std::atomic<bool>, tries>> passed;
  Child other = sender(receiver->address(), [&](ipc::Sender& out) {
    for (std::uint32_t i = 0; i < tries; ++i)
      (*passed)[i] =
          out.send(message(3, i, i % 3 == 0 ? 50'000 : 500), Deadline::at_once()) == Status::ok;
    return 0;
  });
  Ears ears(*receiver);
  std::vector<std::uint32_t> got;
  for (;;) {
    const auto received = ears.next(20s);
    if (received.status == Status::closed) break;
    REQUIRE(received.status == Status::ok);
    const auto label = label_of(received.message);
    REQUIRE(label);
    got.push_back(label->number);
  }
  CHECK(other.wait() == 0);
  std::vector<std::uint32_t> put;
  for (std::uint32_t i = 0; i < tries; ++i)
    if ((*passed)[i]) put.push_back(i);
  CHECK(got == put);
}

}  // namespace
}  // namespace conformance

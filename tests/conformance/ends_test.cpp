// Sentence 6: the end of the other side is told within a second, however it came.
#include <unistd.h>

#include <csignal>
#include <set>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

enum class End { goodbye, exit, exception, sigkill, sigterm };

// Connects, sends `count` messages and ends in that way.
Child ending_sender(const std::string& address, std::uint32_t author, std::uint32_t count,
                    End end) {
  return Child::run([=] {
    auto out = connect(address);
    for (std::uint32_t i = 0; i < count; ++i)
      expect(out->send(message(author, i, 50 + 3000 * (i % 3)), Deadline::after(10s)) == Status::ok,
             "send");
    switch (end) {
      case End::goodbye:
        out.reset();
        return 0;
      case End::exit:
        (void)out.release();
        return 0;
      case End::exception:
        try {
          const auto owner = std::move(out);
          throw std::runtime_error("a job that fails half-way");
        } catch (const std::runtime_error&) {
          ::pause();  // the process lives on; the object has ended without a goodbye
        }
        return 0;
      case End::sigkill:
        ::raise(SIGKILL);
        break;
      case End::sigterm:
        ::raise(SIGTERM);
        break;
    }
    return 1;
  });
}

TEST_CASE_FIXTURE(Case,
                  "the end of a sender is told once, after its last message, and what it was") {
  const auto style = each_style();
  const auto receiver = listen();
  Ears ears(*receiver, style);
  std::uint32_t author = 0;
  for (const End end : {End::goodbye, End::exit, End::exception, End::sigkill, End::sigterm}) {
    for (const std::uint32_t count : {0u, 20u}) {
      CAPTURE(static_cast<int>(end));
      CAPTURE(count);
      Child other = ending_sender(receiver->address(), ++author, count, end);
      std::uint32_t id = 0;
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto received = ears.next();
        REQUIRE(received.status == Status::ok);
        const auto label = label_of(received.message);
        REQUIRE(label);
        CHECK(label->author == author);
        CHECK(label->number == i);
        id = received.peer.id;
      }
      if (end != End::goodbye) {
        const auto received = ears.next(2s);
        REQUIRE(received.status == Status::died);
        if (count > 0) CHECK(received.peer.id == id);
        CHECK_FALSE(received.unfinished);
        if (received.peer.claimed_pid) CHECK(*received.peer.claimed_pid == other.pid());
        if (kind().traits.proves_peer && count > 0) CHECK(received.peer.pid == other.pid());
      }
      CHECK(ears.next(2s).status == Status::closed);
    }
  }
  CHECK(ears.next(kQuiet).status == Status::timed_out);
}

TEST_CASE_FIXTURE(Case, "an end is told within a second") {
  const auto style = each_style();
  const auto receiver = listen();
  Ears ears(*receiver, style);
  for (int round = 0; round < 4; ++round) {
    Shared<test::Gate> connected;
    Child other = sender(receiver->address(), [&](ipc::Sender&) {
      connected->open();
      return ::pause();
    });
    REQUIRE(connected->wait());
    CHECK(ears.next(round * 70ms).status == Status::timed_out);
    other.signal(SIGKILL);
    const Stopwatch watch;
    CHECK(ears.next().status == Status::died);
    CHECK(ears.next().status == Status::closed);
    CHECK(watch.elapsed() < 1s);
    other.kill();
  }
}

TEST_CASE_FIXTURE(Case, "a message that its sender could not finish is dropped, and that is told") {
  const auto style = each_style();
  const auto receiver = listen();
  struct State {
    test::Gate sent_one;
    std::atomic<bool> finished{false};
  };
  Shared<State> state;
  Child other = sender(receiver->address(), [&](ipc::Sender& out) {
    expect(out.send(message(1, 0, 2000), Deadline::after(10s)) == Status::ok, "the first");
    const auto second = message(1, 1, ipc::kMaxMessage);
    state->sent_one.open();
    state->finished = out.send(second) == Status::ok;
    return ::pause();
  });
  REQUIRE(state->sent_one.wait());
  ::usleep(200'000);  // it is in the middle of the second, waiting for room
  other.kill();
  Ears ears(*receiver, style);
  const Kept first(ears.next());
  REQUIRE(first.status == Status::ok);
  CHECK(label_of(first.bytes).has_value());
  if (state->finished) {
    const auto second = ears.next();
    REQUIRE(second.status == Status::ok);
    CHECK(label_of(second.message).has_value());
  }
  const auto died = ears.next();
  REQUIRE(died.status == Status::died);
  CHECK(died.peer.id == first.peer.id);
  // A durable kind waits for room before it begins.
  CHECK(died.unfinished == (!state->finished && !kind().traits.durable));
  CHECK(ears.next().status == Status::closed);
}

TEST_CASE_FIXTURE(Case, "`closed` waits for the last sender, and comes again after the next") {
  const auto style = each_style();
  const auto receiver = listen();
  Ears ears(*receiver, style);
  CHECK(ears.next(kQuiet).status == Status::timed_out);  // before the first it waits
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    auto stays = connect(receiver->address());
    Child dies = ending_sender(receiver->address(), 1, 1, End::sigkill);
    CHECK(ears.next().status == Status::ok);
    CHECK(ears.next(2s).status == Status::died);
    CHECK(ears.next(kQuiet).status == Status::timed_out);
    Child leaves = ending_sender(receiver->address(), 2, 1, End::goodbye);
    CHECK(ears.next().status == Status::ok);
    CHECK(ears.next(kQuiet).status == Status::timed_out);
    REQUIRE(stays->send(text("still here"), Deadline::after(5s)) == Status::ok);
    CHECK(text_of(ears.next().message) == "still here");
    stays.reset();
    CHECK(ears.next(1s).status == Status::closed);
    CHECK(ears.next(kQuiet).status == Status::timed_out);
  }
}

TEST_CASE_FIXTURE(Case, "every one of a hundred dead senders is told, once") {
  const auto style = each_style();
  const auto receiver = listen();
  Ears ears(*receiver, style);
  const auto address = receiver->address();
  Child crowd = Child::run([&] {
    std::vector<Child> running;
    for (std::uint32_t i = 0; i < 100; ++i) {
      running.push_back(ending_sender(address, i, i % 2, End::sigkill));
      if (running.size() < 10) continue;
      expect(running.front().wait() == -SIGKILL, "a sender that is killed");
      running.erase(running.begin());
    }
    for (auto& child : running) expect(child.wait() == -SIGKILL, "a sender that is killed");
    return 0;
  });
  std::set<std::uint32_t> dead;
  std::set<std::uint32_t> authors;
  while (dead.size() < 100) {
    const auto received = ears.next(5s);
    if (received.status == Status::ok) {
      const auto label = label_of(received.message);
      REQUIRE(label);
      REQUIRE(authors.insert(label->author).second);
      CHECK_FALSE(dead.contains(received.peer.id));
    } else if (received.status == Status::died) {
      REQUIRE(dead.insert(received.peer.id).second);
    } else {
      REQUIRE(received.status == Status::closed);
    }
  }
  CHECK(authors.size() == 50);
  CHECK(crowd.wait() == 0);
  // All had come and gone when the last death was told, or `closed` is still to come.
  if (const auto last = ears.next(1s); last.status != Status::timed_out)
    CHECK(last.status == Status::closed);
  CHECK(ears.next(kQuiet).status == Status::timed_out);
}

TEST_CASE_FIXTURE(Case, "a sender that is stopped has not died, nor has a stopped receiver gone") {
  RemoteReceiver other(fresh_address(), receive_for_ever);
  const auto out = connect(other.address());
  REQUIRE(out->send(text("x"), Deadline::after(5s)) == Status::ok);
  other.process().signal(SIGSTOP);
  const auto end = Deadline::after(700ms);
  Status status = Status::ok;
  while (!end.expired() && status != Status::closed)
    status = out->send(some_bytes(100'000), Deadline::after(100ms));
  CHECK(status == Status::timed_out);
  other.process().signal(SIGCONT);
  CHECK(out->send(text("x"), Deadline::after(5s)) == Status::ok);
  other.kill();
  remove("name1");

  const auto receiver = listen();
  Ears ears(*receiver);
  Shared<test::Gate> connected;
  Child stopped = sender(receiver->address(), [&](ipc::Sender&) {
    connected->open();
    return ::pause();
  });
  REQUIRE(connected->wait());
  stopped.signal(SIGSTOP);
  CHECK(ears.next(800ms).status == Status::timed_out);
  stopped.kill();
  CHECK(ears.next(1s).status == Status::died);
}

TEST_CASE_FIXTURE(
    Case, "a sender that waits for room learns within a second that its receiver was killed") {
  for (int round = 0; round < 3; ++round) {
    const auto address = fresh_address();
    RemoteReceiver other(address, sleep_for_ever);
    Shared<test::Gate> full;
    std::vector<Child> senders;
    for (int i = 0; i < 3; ++i)
      senders.push_back(sender(other.address(), [&](ipc::Sender& out) {
        fill(out, 1, 4000);
        full->open();
        expect(out.send(some_bytes(300'000)) == Status::closed, "the waiting send");
        expect(out.send({}, Deadline::at_once()) == Status::closed, "for ever closed");
        auto room = out.reserve(10, Deadline::at_once());
        expect((room ? room.commit(10) : room.status()) == Status::closed,
               "closed for reservations too");
        return 0;
      }));
    REQUIRE(full->wait(3));
    ::usleep(20'000 * static_cast<unsigned>(round));
    other.kill();
    const Stopwatch watch;
    for (auto& child : senders) CHECK(child.wait(5s) == 0);
    CHECK(watch.elapsed() < 1s);
    remove(address);
  }
}

TEST_CASE_FIXTURE(Case,
                  "a sender that sends now and then learns within a second of its receiver's end") {
  bool is_killed = false;
  SUBCASE("by SIGKILL") {
    is_killed = true;
  }
  SUBCASE("in good order") {}
  for (const auto pause : {10ms, 150ms, 600ms}) {
    CAPTURE(pause);
    const auto address = fresh_address();
    Shared<test::Gate> end;
    RemoteReceiver other(address, [&](ipc::Receiver& receiver) {
      while (end->count() == 0) (void)receiver.receive(Deadline::after(5ms));
      return 0;
    });
    const auto out = connect(other.address());
    for (int i = 0; i < 3; ++i) {
      REQUIRE(out->send(text("tick"), Deadline::after(5s)) == Status::ok);
      ::usleep(static_cast<unsigned>(std::chrono::microseconds(pause).count()));
    }
    if (is_killed) {
      other.kill();
    } else {
      end->open();
      CHECK(other.process().wait() == 0);
    }
    const Stopwatch watch;
    while (out->send(text("tick"), Deadline::after(5s)) == Status::ok && watch.elapsed() < 5s)
      ::usleep(static_cast<unsigned>(std::chrono::microseconds(pause).count()));
    CHECK(watch.elapsed() < 1s);
    CHECK(error_of([&] { return connect(other.address()); }).trouble() ==
          ipc::Trouble::no_receiver);
    if (is_killed) remove(address);
  }
}

TEST_CASE_FIXTURE(Case, "nobody to connect to is an error of its own") {
  if (!kind().traits.named) return;
  const auto error = error_of([&] { return connect("nobody"); });
  CHECK(error.trouble() == ipc::Trouble::no_receiver);
  CHECK(contains(error.what(), directory() + "/nobody"));
}

}  // namespace
}  // namespace conformance

// Sentences 1, 2 and 5: messages arrive whole, unaltered, in order, of every size, and stay.
#include <climits>
#include <cstring>
#include <numeric>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

TEST_CASE_FIXTURE(Case, "messages arrive whole and in order, the empty one and NUL bytes too") {
  const auto style = each_style();
  const auto receiver = listen();
  const std::vector<std::vector<std::byte>> sent{some_bytes(5),
                                                 {},
                                                 {std::byte{0}},
                                                 some_bytes(300),
                                                 {},
                                                 {},
                                                 std::vector<std::byte>(100),
                                                 some_bytes(20000),
                                                 some_bytes(1),
                                                 {std::byte{'\n'}, std::byte{'\n'}}};
  Child other = sender(receiver->address(), [&](ipc::Sender& out) {
    for (const auto& bytes : sent)
      if (out.send(bytes, Deadline::after(10s)) != Status::ok) return 1;
    return 0;
  });
  Ears ears(*receiver, style);
  for (const auto& bytes : sent) {
    const auto received = ears.next();
    REQUIRE(received.status == Status::ok);
    CHECK(same(received.message, bytes));
  }
  CHECK(ears.next().status == Status::closed);
  CHECK(other.wait() == 0);
  CHECK(receiver->foreign_bytes() == 0);
}

TEST_CASE_FIXTURE(Case, "every size from 0 bytes to the longest message arrives") {
  std::vector<std::size_t> sizes{0, 1, 2, 7, 8, 9, 23, 24, 25};
  for (const std::size_t edge : {std::size_t{PIPE_BUF}, std::size_t{65536}, std::size_t{1} << 20,
                                 std::size_t{4} << 20, ipc::kMaxMessage})
    for (int off = -26; off <= 26;
         off += (off == -24 || off == 24 || (off >= -1 && off < 1)) ? 1 : 23)
      if (const auto size = edge + static_cast<std::size_t>(off); size <= ipc::kMaxMessage)
        sizes.push_back(size);
  const auto receiver = listen();
  Child other = sender(receiver->address(), [&](ipc::Sender& out) {
    for (std::uint32_t i = 0; i < sizes.size(); ++i)
      if (out.send(some_bytes(sizes[i], i + 1), Deadline::after(50s)) != Status::ok) return 1;
    return 0;
  });
  Ears ears(*receiver);
  for (std::uint32_t i = 0; i < sizes.size(); ++i) {
    CAPTURE(sizes[i]);
    const auto received = ears.next(50s);
    REQUIRE(received.status == Status::ok);
    REQUIRE(received.message.size() == sizes[i]);
    CHECK(same(received.message, some_bytes(sizes[i], i + 1)));
  }
  CHECK(ears.next().status == Status::closed);
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(Case,
                  "a message that is too long is refused, naming the limit, and harms nothing") {
  if (knows("max_message")) {
    const auto receiver = listen({.max_message = 1000});
    const auto out = connect(receiver->address());
    CHECK(out->max_message() == 1000);
    const auto error = error_of([&] { return out->send(some_bytes(1001)); });
    CHECK(error.code().value() == EMSGSIZE);
    CHECK(error.trouble() == ipc::Trouble::limit);
    CHECK(contains(error.what(), "1001"));
    CHECK(contains(error.what(), "1000 "));
    CHECK(error_of([&] { return out->reserve(1001); }).code().value() == EMSGSIZE);
    CHECK(out->send(some_bytes(1000), Deadline::after(5s)) == Status::ok);
    CHECK(same(receiver->receive(Deadline::after(5s)).message, some_bytes(1000)));
  }
  const auto usual = listen();
  const auto to_usual = connect(usual->address());
  CHECK(to_usual->max_message() == ipc::kMaxMessage);
  const auto longer = some_bytes(ipc::kMaxMessage + 1);
  const auto error = error_of([&] { return to_usual->send(longer); });
  CHECK(error.code().value() == EMSGSIZE);
  CHECK(contains(error.what(), "16777216"));
}

TEST_CASE_FIXTURE(Case, "a received message stays as it is until the next receive") {
  const auto receiver = listen();
  for (const std::size_t size : {std::size_t{100}, std::size_t{4000}, std::size_t{200'000}}) {
    CAPTURE(size);
    Shared<test::Gate> full;
    Child other = sender(receiver->address(), [&](ipc::Sender& out) {
      expect(out.send(message(1, 0, size), Deadline::after(10s)) == Status::ok, "the first");
      while (out.send(message(1, 1, size), Deadline::after(50ms)) == Status::ok) {
      }
      full->open();
      return 0;
    });
    const auto received = receiver->receive(Deadline::after(10s));
    REQUIRE(received.status == Status::ok);
    const auto* where = received.message.data();
    REQUIRE(full->wait());
    CHECK(received.message.data() == where);
    const auto label = label_of(received.message);
    REQUIRE(label);
    CHECK(label->number == 0);
    CHECK(other.wait() == 0);
    Ears ears(*receiver);
    auto end = ears.next_end().status;
    // Without a page to write it on, a goodbye does not fit into a channel that stays full.
    if (end == Status::died && !kind().traits.named) end = ears.next().status;
    CHECK(end == Status::closed);
  }
}

TEST_CASE_FIXTURE(Case, "a reservation is sent when committed, and only then") {
  const auto receiver = listen();
  Child other = sender(receiver->address(), [&](ipc::Sender& out) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{24}, std::size_t{5000}, std::size_t{1} << 20}) {
      {
        auto dropped = out.reserve(size, Deadline::after(10s));
        expect(static_cast<bool>(dropped), "room for one that is dropped");
        std::memset(dropped.bytes().data(), 'x', dropped.bytes().size());
      }
      auto room = out.reserve(size, Deadline::after(10s));
      expect(room.status() == Status::ok && room.bytes().size() >= size, "room");
      const auto bytes = some_bytes(size);
      std::copy(bytes.begin(), bytes.end(), room.bytes().begin());
      auto moved = std::move(room);
      expect(moved.commit(size) == Status::ok, "commit");
    }
    auto more = out.reserve(1000, Deadline::after(10s));
    more.bytes()[0] = std::byte{'m'};
    expect(more.commit(1) == Status::ok, "commit of less than was reserved");
    return 0;
  });
  Ears ears(*receiver);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{24}, std::size_t{5000}, std::size_t{1} << 20}) {
    const auto received = ears.next();
    REQUIRE(received.status == Status::ok);
    CHECK(same(received.message, some_bytes(size)));
  }
  CHECK(text_of(ears.next().message) == "m");
  CHECK(ears.next().status == Status::closed);
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "misuse of reservations is told, and the sender goes on working") {
  const auto receiver = listen();
  const auto out = connect(receiver->address());
  {
    auto first = out->reserve(10);
    CHECK_THROWS_AS((void)out->reserve(10), std::logic_error);
    CHECK_THROWS_AS((void)first.commit(first.bytes().size() + 1), std::logic_error);
  }
  auto second = out->reserve(2);
  std::memcpy(second.bytes().data(), "ab", 2);
  CHECK(second.commit(2) == Status::ok);
  CHECK_THROWS_AS((void)second.commit(2), std::logic_error);
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "ab");
  CHECK(receiver->receive(Deadline::after(50ms)).status == Status::timed_out);
}

TEST_CASE_FIXTURE(Case, "a sender learns how many of its messages were consumed") {
  auto receiver = listen();
  if (!kind().traits.acknowledges) {
    const auto out = connect(receiver->address());
    CHECK(error_of([&] { return out->taken(0); }).code().value() == ENOTSUP);
    return;
  }
  auto out = connect(receiver->address());
  for (int i = 0; i < 3; ++i) REQUIRE(out->send(some_bytes(10), Deadline::after(5s)) == Status::ok);
  CHECK(out->taken(0, Deadline::at_once()) == 0);
  CHECK(out->taken(3, Deadline::after(20ms)) == 0);
  REQUIRE(receiver->receive(Deadline::after(5s)));
  CHECK(out->taken(1, Deadline::at_once()) == 0);  // shown, not consumed
  REQUIRE(receiver->receive(Deadline::after(5s)));
  CHECK(out->taken(3, Deadline::at_once()) == 1);
  REQUIRE(receiver->receive(Deadline::after(5s)));
  CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
  CHECK(out->taken(3, Deadline::at_once()) == 3);
  // The last message is consumed by the receiver's good end, and that is no reason to wait longer.
  REQUIRE(out->send(some_bytes(10), Deadline::after(5s)) == Status::ok);
  REQUIRE(receiver->receive(Deadline::after(5s)));
  receiver.reset();
  CHECK(out->taken(4, Deadline::after(5s)) == 4);
  const Stopwatch watch;
  CHECK(out->taken(5, Deadline::after(5s)) == 4);
  CHECK(watch.elapsed() < 1500ms);
}

TEST_CASE_FIXTURE(Case, "who waits for its messages to be taken is woken when they are") {
  if (!kind().traits.acknowledges) return;
  RemoteReceiver other(fresh_address(), [](ipc::Receiver& receiver) {
    Ears ears(receiver);
    for (int i = 0; i < 200; ++i) {
      const auto received = ears.next();
      expect(received.status == Status::ok, "200 messages");
    }
    expect(ears.next().status == Status::closed, "the end");
    return 0;
  });
  {
    const auto out = connect(other.address());
    const Stopwatch watch;
    for (std::uint64_t i = 1; i <= 200; ++i) {
      REQUIRE(out->send(some_bytes(10), Deadline::after(5s)) == Status::ok);
      REQUIRE(out->taken(i, Deadline::after(5s)) == i);
    }
    CHECK(watch.elapsed() < 10s);  // without a bell it would be 200 * 250 ms
  }
  CHECK(other.process().wait() == 0);
}

TEST_CASE_FIXTURE(Case, "a killed receiver has not taken what it had not consumed") {
  if (!kind().traits.acknowledges) return;
  const auto address = fresh_address();
  Shared<test::Gate> shown;
  RemoteReceiver other(address, [&](ipc::Receiver& receiver) {
    expect(static_cast<bool>(receiver.receive(Deadline::after(5s))), "one");
    expect(static_cast<bool>(receiver.receive(Deadline::after(5s))), "two");
    shown->open();
    return sleep_for_ever(receiver);
  });
  const auto out = connect(other.address());
  for (int i = 0; i < 3; ++i) REQUIRE(out->send(some_bytes(10), Deadline::after(5s)) == Status::ok);
  REQUIRE(shown->wait());
  other.kill();
  const Stopwatch watch;
  CHECK(out->taken(3, Deadline::after(5s)) == 1);
  CHECK(watch.elapsed() < 1s);
  remove(address);
}

}  // namespace
}  // namespace conformance

// Sentence 3: many senders at once; their messages never mix.
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

// From a few bytes to some hundred KiB, most of them small.
std::size_t mixed_size(std::uint32_t number) {
  const std::size_t sizes[] = {16, 30, 300, 4072, 4073, 1000, 9000, 20, 64, 70'000};
  return sizes[number % std::size(sizes)] + number % 7;
}

TEST_CASE_FIXTURE(Case, "messages of eight senders never mix, and each one's order is kept") {
  constexpr std::uint32_t senders = 8;
  const auto count =
      static_cast<std::uint32_t>(std::max<std::size_t>(20, bulk(64 << 20) / senders / 8600));
  const auto receiver = listen();
  std::vector<Child> others;
  for (std::uint32_t author = 0; author < senders; ++author)
    others.push_back(sender(receiver->address(), [=](ipc::Sender& out) {
      for (std::uint32_t i = 0; i < count; ++i)
        if (out.send(message(author, i, mixed_size(i + author)), Deadline::after(30s)) !=
            Status::ok)
          return 1;
      return 0;
    }));
  std::map<std::uint32_t, std::uint32_t> next_number;
  std::map<std::uint32_t, std::uint32_t> peer_of;
  Ears ears(*receiver);
  // Not all need be connected at the same time, so `closed` may come in between as well.
  for (std::uint32_t got = 0; got < senders * count;) {
    const auto received = ears.next(30s);
    if (received.status == Status::closed) continue;
    REQUIRE(received.status == Status::ok);
    ++got;
    const auto label = label_of(received.message);
    REQUIRE(label);
    REQUIRE(label->number == next_number[label->author]++);
    const auto [known, is_new] = peer_of.emplace(label->author, received.peer.id);
    REQUIRE(known->second == received.peer.id);
    const pid_t pid = others[label->author].pid();
    if (kind().traits.proves_peer) {
      REQUIRE(received.peer.pid == pid);
      REQUIRE(received.peer.uid == ::getuid());
    } else {
      REQUIRE(received.peer.pid == std::nullopt);
    }
    if (received.peer.claimed_pid) REQUIRE(*received.peer.claimed_pid == pid);
  }
  for (auto& other : others) CHECK(other.wait() == 0);
  std::set<std::uint32_t> ids;
  for (const auto& [author, id] : peer_of) ids.insert(id);
  CHECK(ids.size() == senders);
  CHECK(ears.next().status == Status::closed);
  CHECK(receiver->foreign_bytes() == 0);
}

// A receiver with as few places for senders as the kind can be asked for.
Options few(std::size_t& places) {
  if (!knows("max_senders")) {
    places = ipc::kMaxSenders;
    return {};
  }
  return {.max_senders = places};
}

TEST_CASE_FIXTURE(Case, "one sender too many is refused, naming the limit") {
  std::size_t places = 3;
  const auto receiver = listen(few(places));
  std::vector<std::unique_ptr<ipc::Sender>> senders;
  for (std::size_t i = 0; i < places; ++i) senders.push_back(connect(receiver->address()));
  const auto error = error_of([&] { return connect(receiver->address()); });
  CHECK(error.trouble() == ipc::Trouble::limit);
  CHECK(contains(error.what(), std::to_string(places)));
  for (auto& out : senders) CHECK(out->send(text("hello"), Deadline::at_once()) == Status::ok);
  Ears ears(*receiver);
  for (std::size_t i = 0; i < places; ++i) CHECK(ears.next().status == Status::ok);

  // A place given back is free at once, whether or not the receiver has looked.
  senders.pop_back();
  senders.push_back(connect(receiver->address()));
  CHECK(senders.back()->send(text("later"), Deadline::after(5s)) == Status::ok);
  CHECK(text_of(ears.next().message) == "later");
}

TEST_CASE_FIXTURE(Case, "a dead sender's place is free for the next") {
  std::size_t places = 2;
  const auto receiver = listen(few(places));
  std::vector<std::unique_ptr<ipc::Sender>> stay;
  for (std::size_t i = 1; i < places; ++i) stay.push_back(connect(receiver->address()));
  Ears ears(*receiver);
  std::set<std::uint32_t> dead;
  for (std::uint32_t round = 0; round < 20; ++round) {
    CAPTURE(round);
    Shared<test::Gate> connected;
    Child dies = sender(receiver->address(), [&](ipc::Sender&) {
      connected->open();
      return ::pause();
    });
    REQUIRE(connected->wait());
    CHECK(error_of([&] { return connect(receiver->address()); }).trouble() == ipc::Trouble::limit);
    dies.kill();
    const auto takes_over = connect(receiver->address());
    REQUIRE(takes_over->send(message(1, round, 100), Deadline::after(5s)) == Status::ok);
    auto received = ears.next(2s);
    for (; received.status == Status::died; received = ears.next(2s))
      CHECK(dead.insert(received.peer.id).second);
    REQUIRE(received.status == Status::ok);
    const auto label = label_of(received.message);
    REQUIRE(label);
    CHECK(label->number == round);
  }
  while (dead.size() < 20) {
    const auto received = ears.next(2s);
    REQUIRE(received.status == Status::died);
    CHECK(dead.insert(received.peer.id).second);
  }
  CHECK(ears.next(kQuiet).status == Status::timed_out);
}

TEST_CASE_FIXTURE(Case, "the most senders a receiver can be asked for can connect") {
  if (!knows("max_senders")) return;
  const auto receiver = listen({.max_senders = ipc::kMostSenders});
  const auto first = connect(receiver->address());
  const auto second = connect(receiver->address());
  CHECK(first->send(text("a"), Deadline::after(5s)) == Status::ok);
  CHECK(second->send(text("b"), Deadline::after(5s)) == Status::ok);
  Ears ears(*receiver);
  std::string both = text_of(ears.next().message);
  both += text_of(ears.next().message);
  CHECK((both == "ab" || both == "ba"));
}

TEST_CASE_FIXTURE(Case,
                  "hundreds of senders that send one message and leave at once are all heard") {
  const auto style = each_style();
  constexpr std::uint32_t senders = 300;
  const auto receiver = listen();
  const auto address = receiver->address();
  Child crowd = Child::run([&] {
    std::vector<Child> running;
    for (std::uint32_t i = 0; i < senders; ++i) {
      running.push_back(sender(address, [i](ipc::Sender& out) {
        return out.send(message(i, 0, 100), Deadline::after(20s)) == Status::ok ? 0 : 1;
      }));
      if (running.size() < 16) continue;
      expect(running.front().wait() == 0, "a sender of the crowd");
      running.erase(running.begin());
    }
    for (auto& child : running) expect(child.wait() == 0, "a sender of the crowd");
    return 0;
  });
  Ears ears(*receiver, style);
  std::set<std::uint32_t> authors;
  std::set<std::uint32_t> peers;
  while (authors.size() < senders) {
    const auto received = ears.next();
    if (received.status == Status::closed) continue;
    REQUIRE(received.status == Status::ok);
    const auto label = label_of(received.message);
    REQUIRE(label);
    REQUIRE(authors.insert(label->author).second);
    REQUIRE(peers.insert(received.peer.id).second);
  }
  CHECK(ears.next(1500ms).status == Status::closed);
  CHECK(crowd.wait() == 0);
  CHECK(ears.next(kQuiet).status == Status::timed_out);
}

TEST_CASE_FIXTURE(Case, "senders that leave without a message are told as one end, not as deaths") {
  const auto style = each_style();
  const auto receiver = listen();
  Ears ears(*receiver, style);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    const Stopwatch watch;
    for (int i = 0; i < 100; ++i) (void)connect(receiver->address());
    CHECK(ears.next(watch.elapsed() + 1s).status == Status::closed);
    CHECK(ears.next(kQuiet).status == Status::timed_out);
  }
}

}  // namespace
}  // namespace conformance

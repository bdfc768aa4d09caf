// Sentence 7: a process killed at any instant loses at most its own unfinished message.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/conformance/conformance.hpp"
#include "tests/support/pace.hpp"

namespace conformance {
namespace {

std::size_t random_size(std::mt19937& random) {
  const std::size_t most[] = {64, 5000, 5000, 60'000, 300'000};
  return kLabelled + random() % most[random() % std::size(most)];
}

struct Storm {
  std::atomic<bool> over{false};
  std::atomic<std::uint32_t> entered{0};  // victims that were connected
  std::atomic<std::uint32_t> killed{0};
  std::atomic<std::uint32_t> author{100};
};

// Keeps `count` senders running that send for ever, and kills one every 0.2 to 2 ms.
int kill_senders(const std::string& address, Storm& storm, unsigned count) {
  std::mt19937 random(12345);
  const auto start = [&] {
    const auto author = storm.author++;
    return sender(address, [&storm, author](ipc::Sender& out) {
      ++storm.entered;
      std::mt19937 sizes(author);
      for (std::uint32_t i = 0;; ++i)
        expect(out.send(message(author, i, random_size(sizes))) == Status::ok, "a victim's send");
      return 1;
    });
  };
  std::vector<Child> victims(count);
  for (auto& victim : victims) victim = start();
  while (!storm.over) {
    std::this_thread::sleep_for(std::chrono::microseconds(200 + random() % 1800));
    auto& victim = victims[random() % count];
    expect(victim.is_running(), "a victim ended by itself");
    victim.kill();
    ++storm.killed;
    victim = start();
  }
  for (auto& victim : victims) {
    victim.kill();
    ++storm.killed;
  }
  return 0;
}

struct LongCase : Case {
  LongCase() : Case(120s) {}
};

TEST_CASE_FIXTURE(LongCase,
                  "senders killed at random harm no message, no other sender and no receiver") {
  const auto style = each_style();
  const auto receiver = listen();
  const auto address = receiver->address();
  struct State : Storm {
    std::atomic<bool> healthy_over{false};
    std::atomic<std::uint32_t> healthy_sent{0};
  };
  Shared<State> state;
  Child killer = Child::run([&] { return kill_senders(address, *state, 6); });
  constexpr std::uint32_t healthy = 1;
  Child other = sender(address, [&](ipc::Sender& out) {
    std::mt19937 sizes(1);
    for (std::uint32_t i = 0; !state->healthy_over; ++i) {
      expect(out.send(message(healthy, i, random_size(sizes)), Deadline::after(20s)) == Status::ok,
             "the healthy sender's send");
      ++state->healthy_sent;
      std::this_thread::sleep_for(200us);
    }
    return 0;
  });

  Ears ears(*receiver, style);
  const auto end = Deadline::after(test::is_long() ? 10s : 1s);
  const auto patience = Deadline::after(30s);  // for a busy machine
  std::map<std::uint32_t, std::uint32_t> next_number;
  std::set<std::uint32_t> dead;
  std::size_t unfinished = 0;
  auto fastest = std::chrono::nanoseconds::max();  // of the healthy, once the kills are over
  auto last_healthy = std::chrono::steady_clock::now();
  enum { killing, calm, ending } phase = killing;
  int calm_messages = 0;
  for (;;) {
    if (phase == killing && end.expired() && (state->killed > 100 || patience.expired())) {
      state->over = true;
      phase = calm;
    }
    const auto received = ears.next(10s);
    if (received.status == Status::closed) break;
    REQUIRE(received.status != Status::timed_out);
    if (received.status == Status::died) {
      REQUIRE(dead.insert(received.peer.id).second);
      if (received.unfinished) ++unfinished;
      continue;
    }
    REQUIRE_FALSE(dead.contains(received.peer.id));
    const auto label = label_of(received.message);
    REQUIRE(label);
    REQUIRE(label->number == next_number[label->author]++);
    if (label->author != healthy) continue;
    const auto now = std::chrono::steady_clock::now();
    if (phase == calm && !killer.is_running()) {
      fastest = std::min<std::chrono::nanoseconds>(fastest, now - last_healthy);
      if (++calm_messages == 20) {
        state->healthy_over = true;
        phase = ending;
      }
    }
    last_healthy = now;
  }
  CHECK(killer.wait() == 0);
  CHECK(other.wait() == 0);
  CHECK(fastest < 100ms);
  CHECK(next_number[healthy] == state->healthy_sent.load());
  // Who was connected has been told; who was killed on the way may have been. Without a page to write
  // on, a sender that found the channel full had nowhere yet to say that it had come.
  if (kind().traits.named) CHECK(dead.size() >= state->entered.load());
  CHECK(dead.size() <= state->killed.load());
  CHECK(state->killed.load() > 100);
  // Where a message is published whole, in place or in a file, none is begun and not finished.
  if (!kind().traits.in_place && !kind().traits.durable) CHECK(unfinished > 0);
  CHECK(receiver->foreign_bytes() == 0);
  CHECK(ears.next(kQuiet).status == Status::timed_out);
}

TEST_CASE_FIXTURE(LongCase,
                  "receivers killed at random are taken over, and old lives never meet new ones") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  struct State {
    std::atomic<std::uint32_t> life{0};
    std::atomic<bool> over{false};
    std::array<std::atomic<std::int64_t>, 6> waiting_since{};
  };
  Shared<State> state;
  const auto now = [] { return std::chrono::steady_clock::now().time_since_epoch().count(); };
  // Each connects anew whenever its receiver is gone, and says in its messages which life it met.
  std::vector<Child> senders;
  for (std::size_t slot = 0; slot < state->waiting_since.size(); ++slot)
    senders.push_back(Child::run([&, slot] {
      while (!state->over) {
        std::unique_ptr<ipc::Sender> out;
        const auto life_before = state->life.load();
        try {
          out = connect(address);
        } catch (const ipc::Error& error) {
          expect(error.trouble() == ipc::Trouble::no_receiver, error.what());
          std::this_thread::sleep_for(1ms);
          continue;
        }
        // Whom we have met is certain only if nobody took over in between.
        const auto life = state->life.load();
        if (life != life_before) continue;
        for (std::uint32_t i = 0;; ++i) {
          const auto status =
              out->send(message(life, i, slot % 2 ? 60'000 : 100), Deadline::after(100ms));
          if (status == Status::closed) break;
          if (state->over) break;
          // Never alive and blocked for ever: while the life has moved on, `closed` comes in a second.
          if (state->life == life || status == Status::ok) {
            state->waiting_since[slot] = 0;
          } else if (state->waiting_since[slot] == 0) {
            state->waiting_since[slot] = now();
          } else {
            expect(now() - state->waiting_since[slot] < test::allowed(1500ms).count(),
                   "a sender is stuck with the dead");
          }
        }
      }
      return 0;
    }));
  std::mt19937 random(7);
  const auto rounds = test::is_long() ? 150u : 30u;
  for (std::uint32_t life = 1; life <= rounds; ++life) {
    CAPTURE(life);
    const bool drains = life % 3 != 0;  // else all of its senders are blocked when it is killed
    state->life = life;  // the one before is dead: who connects from now on meets this one
    RemoteReceiver other(address, [&](ipc::Receiver& receiver) {
      Ears ears(receiver);
      if (!drains) return sleep_for_ever(receiver);
      for (;;) {
        const auto received = ears.next(2s);
        if (received.status != Status::ok) continue;
        const auto label = label_of(received.message);
        expect(label.has_value(), "a torn message");
        if (label->author != life && !(kind().traits.durable && label->author < life)) {
          std::fprintf(stderr, "a message of life %u came to life %u\n", label->author, life);
          state->over = true;
          return 1;
        }
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    REQUIRE(other.process().is_running());
    other.kill();
    REQUIRE_FALSE(state->over);
  }
  state->over = true;
  for (auto& child : senders) CHECK(child.wait(5s) == 0);
  CHECK(entries().size() <= 3);  // one dead life at most
  remove(address);
}

TEST_CASE_FIXTURE(Case,
                  "a take-over while old senders are blocked: they end with `closed`, nothing of "
                  "theirs arrives") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  Shared<test::Gate> full;
  std::vector<Child> old;
  {
    RemoteReceiver first(address, sleep_for_ever);
    for (int i = 0; i < 4; ++i)
      old.push_back(sender(address, [&](ipc::Sender& out) {
        fill(out, 1, 4000);
        full->open();
        return out.send(message(1, 0, 300'000)) == Status::closed ? 0 : 1;
      }));
    REQUIRE(full->wait(4));
  }
  const auto second = kind().listen(address);
  Ears ears(*second);
  const auto out = connect(address);
  REQUIRE(out->send(message(2, 0, 100), Deadline::after(5s)) == Status::ok);
  const auto received = ears.next();
  REQUIRE(received.status == Status::ok);
  const auto label = label_of(received.message);
  REQUIRE(label);
  if (kind().traits.durable) {
    CHECK(label->author == 1);
    auto left = ears.next();
    while (left.status == Status::ok && label_of(left.message)->author == 1) left = ears.next();
    REQUIRE(left.status == Status::ok);
    CHECK(label_of(left.message)->author == 2);
  } else {
    CHECK(label->author == 2);
    CHECK(ears.next(300ms).status == Status::timed_out);
  }
  for (auto& child : old) CHECK(child.wait(1s) == 0);
  CHECK(second->foreign_bytes() == 0);
}

}  // namespace
}  // namespace conformance

#include "tests/conformance/disturbed.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "tests/conformance/scripts.hpp"
#include "tests/support/pace.hpp"

namespace conformance {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kWave = 24;

struct Outcome {
  int status = 0;
  std::uint32_t messages = 0;
  std::optional<std::uint32_t> peer;
};

// A receiver at an address of its own that is disturbed at one of its calls; a sender that meets it and
// must not hang; and a newcomer that must find the address usable and meet nothing of the old life.
int check_receiver(std::uint32_t call, const std::string& directory, const RunReceiver& run) {
  ::setenv("IPC_DIR", directory.c_str(), 1);
  struct State {
    test::Gate listens;
    test::SharedText address;
    std::atomic<bool> over{false};
  };
  Shared<State> state;
  Child victim = Child::run([&] {
    return run(call, [&](const std::string& address) {
      state->address.set(address);
      state->listens.open();
    });
  });
  Child partner = Child::run([&] {
    while (!state->listens.wait(1, 1ms))
      if (state->over) return 0;
    std::unique_ptr<ipc::Sender> out;
    try {
      out = connect(state->address.get());
    } catch (const ipc::Error& error) {
      expect(error.trouble() == ipc::Trouble::no_receiver, error.what());
      return 0;
    }
    if (state->over) return 0;  // perhaps it is the newcomer whom we have met
    for (std::uint32_t i = 0;; ++i)
      if (out->send(message(call, i, i % 3 == 1 ? of_many_units(kind(), 50'000) : 500)) !=
          Status::ok)
        return 0;
  });
  const int status = victim.wait();
  state->over = true;
  const Stopwatch watch;
  std::optional<bool> ended;
  const auto partner_ends = [&] {
    if (!ended) {
      ended = partner.wait(5s) == 0;
      expect(watch.elapsed() < test::allowed(1300ms), "the partner was not told in time");
    }
    return *ended;
  };
  if (kind().traits.named) {
    const auto newcomer = kind().listen("name", in_a_crowd());
    const auto out = connect("name");
    expect(out->send(text("new life"), Deadline::after(5s)) == Status::ok, "send to the newcomer");
    expect(comes(*newcomer, "new life"), "the newcomer received something of the old life");
    if (kind().traits.durable) {
      // What the partner had put in may lie beside the new life instead of before it.
      expect(partner_ends(), "the partner");
      while (newcomer->receive(Deadline::at_once()).status != Status::timed_out) {
      }
    } else {
      expect(newcomer->receive(Deadline::after(20ms)).status == Status::timed_out,
             "and nothing else");
    }
  }
  expect(partner_ends(), "the partner");
  // What the partner sent while one receiver gave way to the next is for the one after them.
  if (kind().traits.durable && !fs::is_empty(directory)) {
    const auto last = kind().listen("name");
    const auto is_more = [](Status got) { return got == Status::ok || got == Status::died; };
    while (is_more(last->receive(Deadline::after(20ms)).status)) {
    }
  }
  expect(fs::is_empty(directory), "something is left");
  fs::remove(directory);
  return status;
}

}  // namespace

std::uint32_t check_senders(ipc::Receiver& receiver, const StartSender& start, Disturbance what) {
  const bool must_die = what == Disturbance::kills;
  Shared<std::atomic<bool>> over;
  constexpr std::uint32_t healthy = 1'000'000;
  Child other = sender(receiver.address(), [&](ipc::Sender& out) {
    std::uint32_t i = 0;
    while (!*over) {
      expect(out.send(message(healthy, i++, of_many_units(kind(), 5000)), Deadline::after(20s)) ==
                 Status::ok,
             "healthy");
      ::usleep(500);
    }
    return 0;
  });
  Ears ears(receiver);
  std::uint32_t healthy_next = 0;
  std::set<std::uint32_t> dead;
  bool done = false;
  std::uint32_t first = 1;
  for (; !done; first += kWave) {
    std::map<std::uint32_t, Child> running;
    std::map<std::uint32_t, Outcome> outcomes;
    for (auto call = first; call < first + kWave; ++call) running[call] = start(call);
    const auto take = [&](const ipc::Received& received) {
      if (received.status == Status::died) {
        CHECK(dead.insert(received.peer.id).second);
      } else if (received.status == Status::ok) {
        const auto label = label_of(received.message);
        REQUIRE(label);
        CHECK_FALSE(dead.contains(received.peer.id));
        if (label->author == healthy) {
          CHECK(label->number == healthy_next++);
          return;
        }
        auto& outcome = outcomes[label->author];
        CHECK(label->number == outcome.messages++);
        outcome.peer = received.peer.id;
      }
    };
    const auto patience = Deadline::after(30s);
    while (!running.empty()) {
      REQUIRE_FALSE(patience.expired());
      take(ears.next(2ms));
      for (auto child = running.begin(); child != running.end();) {
        if (child->second.is_running()) {
          ++child;
          continue;
        }
        outcomes[child->first].status = child->second.wait();
        child = running.erase(child);
      }
    }
    for (const auto end = Deadline::after(400ms); !end.expired();) take(ears.next(10ms));
    for (const auto& [call, outcome] : outcomes) {
      CAPTURE(call);
      const bool untouched = outcome.status == kUntouched;
      if (must_die)
        CHECK((untouched || outcome.status == -SIGKILL));
      else
        CHECK((untouched || outcome.status == kRefused));
      if (untouched) {
        done = done || must_die;
        CHECK(outcome.messages == kScriptMessages);
      }
      if (!outcome.peer) continue;
      const bool told = dead.contains(*outcome.peer);
      if (untouched && must_die) CHECK_FALSE(told);
      if (outcome.messages < kScriptMessages) CHECK(told);
    }
    if (!must_die) done = first + kWave > (test::is_long() ? 200 : 60);
  }
  *over = true;
  while (other.is_running()) (void)ears.next(10ms);  // it may wait for room
  CHECK(other.wait() == 0);
  for (const auto end = Deadline::after(400ms); !end.expired();) (void)ears.next(10ms);
  CHECK(receiver.foreign_bytes() == 0);
  return first;
}

std::uint32_t check_receivers(const std::string& directory, const RunReceiver& run,
                              Disturbance what) {
  const bool must_die = what == Disturbance::kills;
  // Each, the newcomer at its address, and room for the queues of other tests.
  const Crowd crowd(kind(), 3 * kWave);
  bool done = false;
  std::uint32_t first = 1;
  for (; !done; first += kWave) {
    std::map<std::uint32_t, Child> running;
    for (auto call = first; call < first + kWave; ++call) {
      fs::create_directory(directory + "/" + std::to_string(call));
      running[call] = Child::run([&, call] {
        const int status = check_receiver(call, directory + "/" + std::to_string(call), run);
        return status < 0 ? -status : status;
      });
    }
    for (auto& [call, child] : running) {
      CAPTURE(call);
      const int status = child.wait();
      if (must_die) {
        CHECK((status == kUntouched || status == SIGKILL));
        done = done || status == kUntouched;
      } else {
        CHECK((status == kUntouched || status == kRefused));
      }
    }
    if (!must_die) done = first + kWave > 60;
  }
  return first;
}

}  // namespace conformance

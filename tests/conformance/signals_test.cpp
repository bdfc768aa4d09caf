// Sentence 9: interruption by signals changes nothing.
#include <sys/time.h>

#include <atomic>
#include <csignal>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

std::atomic<std::uint32_t> interruptions{0};

// A timer at 1 kHz whose handler makes every call that sleeps return EINTR; off at the end.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = [](int) { ++interruptions; };
    ::sigaction(SIGVTALRM, &action, &before_);
    ::sigaction(SIGALRM, &action, &before_alarm_);
    set(1000);
  }
  ~SignalStorm() {
    set(0);
    ::sigaction(SIGALRM, &before_alarm_, nullptr);
    ::sigaction(SIGVTALRM, &before_, nullptr);
  }

 private:
  static void set(suseconds_t microseconds) {
    const itimerval timer{{0, microseconds}, {0, microseconds}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }
  struct sigaction before_ {};
  struct sigaction before_alarm_ {};
};

std::size_t size_of(std::uint32_t number) {
  return number % 50 == 0 ? std::size_t{1} << 20 : 16 + number * 37 % 9000;
}

TEST_CASE_FIXTURE(Case, "a signal storm on both sides changes nothing in a transfer") {
  const auto style = each_style();
  const auto count = static_cast<std::uint32_t>(bulk(40 << 20) / 26'000);
  RemoteReceiver other(fresh_address(), [&](ipc::Receiver& receiver) {
    const SignalStorm storm;
    Ears ears(receiver, style);
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto received = ears.next(30s);
      expect(received.status == Status::ok,
             "a message, not " + std::string(to_string(received.status)));
      const auto label = label_of(received.message);
      expect(label && label->number == i, "the messages in order");
    }
    expect(ears.next(5s).status == Status::closed, "the end");
    expect(receiver.foreign_bytes() == 0, "nothing foreign");
    expect(interruptions > 0, "signals");
    return 0;
  });
  Child out = sender(other.address(), [&](ipc::Sender& to) {
    const SignalStorm storm;
    for (std::uint32_t i = 0; i < count; ++i)
      expect(to.send(message(1, i, size_of(i))) == Status::ok, "send");
    if (kind().traits.acknowledges)
      expect(to.taken(count - 1, Deadline::after(10s)) >= count - 1, "taken");
    return 0;
  });
  CHECK(out.wait() == 0);
  CHECK(other.process().wait() == 0);
}

TEST_CASE_FIXTURE(Case,
                  "deadlines hold in a signal storm: they neither pass early nor start anew") {
  const auto receiver = listen();
  const auto address = receiver->address();
  Child other = Child::run([&] {
    const SignalStorm storm;
    const auto out = connect(address);
    fill(*out, 1, 4000);
    for (int i = 0; i < 3; ++i) {
      const Stopwatch watch;
      expect(out->send(some_bytes(100'000), Deadline::after(200ms)) == Status::timed_out, "send");
      expect(watch.elapsed() >= 200ms && watch.elapsed() < 1s, "its deadline");
    }
    if (kind().traits.acknowledges) {
      const Stopwatch watch;
      expect(out->taken(1, Deadline::after(200ms)) == 0, "taken");
      expect(watch.elapsed() >= 200ms && watch.elapsed() < 1s, "its deadline");
    }
    expect(interruptions > 100, "signals");
    return 0;
  });
  CHECK(other.wait() == 0);
  RemoteReceiver lonely(fresh_address(), [](ipc::Receiver& waits) {
    const SignalStorm storm;
    for (int i = 0; i < 3; ++i) {
      const Stopwatch watch;
      expect(waits.receive(Deadline::after(200ms)).status == Status::timed_out, "receive");
      expect(watch.elapsed() >= 200ms && watch.elapsed() < 1s, "its deadline");
    }
    return 0;
  });
  CHECK(lonely.process().wait() == 0);
}

TEST_CASE_FIXTURE(Case, "listening and connecting succeed in a signal storm") {
  const auto names = [this] {
    std::vector<std::string> all;
    for (int i = 0; i < 30; ++i) all.push_back(fresh_address());
    return all;
  }();
  Child other = Child::run([&] {
    const SignalStorm storm;
    const auto end = Deadline::after(10s);
    for (std::size_t i = 0; interruptions < 200 && !end.expired(); ++i) {
      const auto receiver = kind().listen(names[i % names.size()]);
      const auto out = connect(receiver->address());
      expect(out->send(text("x"), Deadline::after(5s)) == Status::ok, "send");
      expect(receiver->receive(Deadline::after(5s)).status == Status::ok, "receive");
    }
    expect(interruptions >= 200, "signals");
    return 0;
  });
  CHECK(other.wait() == 0);
}

}  // namespace
}  // namespace conformance

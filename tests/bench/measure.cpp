#include "tests/bench/measure.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/shared.hpp"

namespace bench {
namespace {

using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kWarmUp = std::chrono::milliseconds(50);
constexpr auto kPatience = std::chrono::seconds(30);
constexpr std::uint64_t kStop = ~std::uint64_t{0};
constexpr int kFill = 0x5a;

struct Usage {
  double cpu = 0;
  double switches = 0;
};

Usage used() {
  rusage all{};
  ::getrusage(RUSAGE_SELF, &all);
  const auto span = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return {span(all.ru_utime) + span(all.ru_stime),
          static_cast<double>(all.ru_nvcsw + all.ru_nivcsw)};
}

Cost each(const Usage& from, const Usage& to, std::uint64_t count) {
  const auto n = static_cast<double>(std::max<std::uint64_t>(count, 1));
  return {(to.cpu - from.cpu) / n, (to.switches - from.switches) / n};
}

double since(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}

void pin_to(Pin pin, unsigned side) {
  if (pin == Pin::none) return;
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  const unsigned wanted = pin == Pin::same ? 0 : side;
  if (CPU_COUNT(&allowed) <= static_cast<int>(wanted))
    throw std::runtime_error("--pin split: needs two processors");
  unsigned seen = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || seen++ != wanted) continue;
    cpu_set_t chosen;
    CPU_ZERO(&chosen);
    CPU_SET(cpu, &chosen);
    ::sched_setaffinity(0, sizeof chosen, &chosen);
  }
}

class Message {
 public:
  explicit Message(std::size_t size) : bytes_(size, std::byte{kFill}) {}
  Bytes numbered(std::uint64_t number) {
    std::memcpy(bytes_.data(), &number, sizeof number);
    return bytes_;
  }

 private:
  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  explicit Reader(std::size_t size) : size_(size) {
    std::vector<std::byte> blank(size, std::byte{kFill});
    std::memset(blank.data(), 0, sizeof(std::uint64_t));
    rest_ = sum(blank);
  }
  /// The message's number.
  std::uint64_t read(Bytes message) const {
    if (message.size() != size_) throw std::runtime_error("a message of another size");
    std::uint64_t number = 0;
    std::memcpy(&number, message.data(), sizeof number);
    if (sum(message) != rest_ + number) throw std::runtime_error("a message is not as it was");
    return number;
  }

 private:
  static std::uint64_t sum(Bytes bytes) {
    std::uint64_t total = 0;
    for (std::size_t at = 0; at + sizeof total <= bytes.size(); at += 64) {
      std::uint64_t word = 0;
      std::memcpy(&word, &bytes[at], sizeof word);
      total += word;
    }
    return total;
  }
  std::size_t size_;
  std::uint64_t rest_;
};

// Asking for the time at each message would cost more than some kinds take for it.
std::uint64_t messages_between_looks(std::size_t size) {
  return size >= (64u << 10) ? 1 : size >= 8192 ? 8 : 32;
}

template <class State>
void run_both(State& state, Pin pin, const std::function<void()>& sender,
              const std::function<void()>& receiver) {
  const auto side = [&](unsigned number, const std::function<void()>& body) {
    return test::Child::forked([&state, pin, number, &body] {
      try {
        pin_to(pin, number);
        body();
        return 0;
      } catch (const std::exception& error) {
        state.error.set(std::string(error.what()).substr(0, 1000));
        return 1;
      }
    });
  };
  auto receiving = side(1, receiver);
  auto sending = side(0, sender);
  const int receiver_ended = receiving.wait(kPatience);
  const int sender_ended = receiver_ended == 0 ? sending.wait(kPatience) : 0;
  if (receiver_ended != 0 || sender_ended != 0)
    throw std::runtime_error(state.error.get().empty() ? "a side was killed" : state.error.get());
}

}  // namespace

OneWay one_way(Channel& channel, const Plan& plan) {
  struct State {
    test::Gate listening;
    test::SharedText error;
    OneWay result;
  };
  const test::Shared<State> state;
  const auto stride = messages_between_looks(plan.size);

  const auto send = [&] {
    if (!state->listening.wait()) throw std::runtime_error("nobody listens");
    const auto out = channel.out();
    Message message(plan.size);
    const auto begin = Clock::now();
    Usage warm{};
    std::uint64_t number = 0;
    std::uint64_t first = 0;
    for (;; ++number) {
      if (number % stride == 0) {
        const auto elapsed = Clock::now() - begin;
        if (first == 0 && elapsed > kWarmUp) {
          first = number;
          warm = used();
        }
        if (elapsed > kWarmUp + plan.span) break;
      }
      out->send(message.numbered(number));
    }
    state->result.sender = each(warm, used(), number - first);
    out->send(message.numbered(kStop));
  };

  const auto receive = [&] {
    const auto in = channel.in();
    state->listening.open();
    const Reader reader(plan.size);
    auto begin = Clock::now();
    auto measured = begin;
    Usage warm{};
    std::uint64_t first = 0;
    for (std::uint64_t expected = 0;; ++expected) {
      const auto number = reader.read(in->receive());
      if (number == kStop) {
        state->result.rate = static_cast<double>(expected - first) / since(measured);
        state->result.receiver = each(warm, used(), expected - first);
        return;
      }
      if (number != expected) throw std::runtime_error("a message is missing");
      if (expected == 0) begin = Clock::now();
      if (first == 0 && expected % stride == stride - 1 && Clock::now() - begin > kWarmUp) {
        first = expected + 1;
        measured = Clock::now();
        warm = used();
      }
    }
  };
  run_both(*state, plan.pin, send, receive);
  return state->result;
}

RoundTrip round_trip(Channel& there, Channel& back, const Plan& plan) {
  struct State {
    test::Gate listening;
    test::Gate warm;
    test::SharedText error;
    RoundTrip result;
    Usage answering;
  };
  const test::Shared<State> state;
  const auto meet = [&] {
    state->listening.open();
    if (!state->listening.wait(2)) throw std::runtime_error("nobody listens");
  };

  const auto ask = [&] {
    const auto in = back.in();
    meet();
    const auto out = there.out();
    Message message(plan.size);
    const Reader reader(plan.size);
    std::vector<std::uint32_t> times;
    times.reserve(1u << 22);
    const auto begin = Clock::now();
    Usage warm{};
    bool measuring = false;
    for (std::uint64_t number = 0;; ++number) {
      const auto sent = Clock::now();
      if (!measuring && sent - begin > kWarmUp) {
        measuring = true;
        state->warm.open();
        warm = used();
      }
      if (sent - begin > kWarmUp + plan.span || times.size() == times.capacity()) break;
      out->send(message.numbered(number));
      if (reader.read(in->receive()) != number) throw std::runtime_error("another's answer");
      if (measuring)
        times.push_back(static_cast<std::uint32_t>(
            std::min<nanoseconds::rep>((Clock::now() - sent).count(), UINT32_MAX)));
    }
    const auto cost = each(warm, used(), times.size());
    out->send(message.numbered(kStop));
    if (times.empty()) throw std::runtime_error("not one round trip in all the time");
    std::ranges::sort(times);
    const auto at = [&](double part) {
      const auto index = static_cast<std::size_t>(part * static_cast<double>(times.size()));
      return static_cast<double>(times[std::min(index, times.size() - 1)]);
    };
    (void)reader.read(in->receive());  // the other side has written what it used
    const auto other = each({}, state->answering, times.size());
    state->result = {at(0.5),
                     at(0.99),
                     at(0.999),
                     static_cast<double>(times.back()),
                     {cost.cpu + other.cpu, cost.switches + other.switches}};
  };

  const auto answer = [&] {
    const auto in = there.in();
    meet();
    const auto out = back.out();
    Message message(plan.size);
    const Reader reader(plan.size);
    Usage warm{};
    bool measuring = false;
    for (;;) {
      const auto number = reader.read(in->receive());
      if (!measuring && state->warm.count() > 0) {
        measuring = true;
        warm = used();
      }
      if (number == kStop) break;
      out->send(message.numbered(number));
    }
    const auto now = used();
    state->answering = {now.cpu - warm.cpu, now.switches - warm.switches};
    out->send(message.numbered(kStop));
  };
  run_both(*state, plan.pin, ask, answer);
  return state->result;
}

}  // namespace bench

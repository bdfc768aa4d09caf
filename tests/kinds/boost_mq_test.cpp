// What is special to Boost's queue: what the death or the stop of a process that has its lock does, and
// what does not happen then.
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <random>
#include <thread>

#include <boost/interprocess/ipc/message_queue.hpp>

#include "tests/kinds/boost_mq_case.hpp"

namespace boost_mq_test {
namespace {

namespace bi = boost::interprocess;

// Boost's own memory of a queue, for a process that is to have its lock: as if it had been
// interrupted inside try_send or try_receive.
class Inside {
 public:
  explicit Inside(const std::string& name)
      : region_(bi::shared_memory_object(bi::open_only, name.c_str(), bi::read_write),
                bi::read_write) {}
  void lock() { header().m_mutex.lock(); }
  void unlock() { header().m_mutex.unlock(); }

 private:
  using Placed =
      bi::ipcdetail::managed_open_or_create_impl<bi::shared_memory_object, 0, true, false>;
  using Header = bi::ipcdetail::mq_hdr_t<bi::offset_ptr<void>>;
  Header& header() {
    return *reinterpret_cast<Header*>(static_cast<char*>(region_.get_address()) +
                                      Placed::ManagedOpenOrCreateUserOffset);
  }
  bi::mapped_region region_;
};

// A receiver in a process of its own, which takes one message and then the lock of the only queue.
// `body` is what it does in there.
class VictimReceiver {
 public:
  VictimReceiver(const Case& place, const std::function<int(Inside&, ipc::Receiver&)>& body)
      : process_(Child::run([&] {
          const auto receiver = boost_mq.listen("demo");
          listens_->open();
          expect(receiver->receive(Deadline::after(5s)).status == Status::ok, "the first");
          Inside queue(place.only_queue());
          queue.lock();
          return body(queue, *receiver);
        })) {
    REQUIRE(listens_->wait());
  }
  Child& process() { return process_; }

 private:
  Shared<test::Gate> listens_;
  Child process_;
};

void wait_for_stop(const Child& child) {
  siginfo_t info{};
  expect(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT) == 0, "waitid");
}

TEST_CASE_FIXTURE(Case,
                  "a sender killed with the lock takes along what it had finished, and no more") {
  const auto receiver = boost_mq.listen("demo");
  const auto other = boost_mq.connect("demo");
  send(*other, "before");
  const auto others = queues_of(lease());
  bool with_the_lock = false;
  SUBCASE("with the lock") {
    with_the_lock = true;
  }
  SUBCASE("without it") {}
  Child victim = Child::run([&] {
    const auto out = boost_mq.connect("demo");
    for (const auto* word : {"a", "b", "c"}) send(*out, word);
    Inside queue(new_queue(others));
    if (with_the_lock) queue.lock();
    return ::raise(SIGKILL);
  });
  CHECK(victim.wait() == -SIGKILL);
  const auto start = Clock::now();
  send(*other, "after");
  const auto first = receiver->receive(Deadline::after(1s));
  CHECK(text_of(first.message) == "before");
  CHECK(Clock::now() - start < 100ms);
  auto heard = hear(*receiver);
  REQUIRE(heard.deaths.size() == 1);
  CHECK(heard.deaths[0].peer.claimed_pid == victim.pid());
  if (with_the_lock) {
    CHECK(boost_mq.traits.may_lose);
    CHECK(heard.messages == std::vector<std::string>{"after"});
  } else {
    const std::multiset<std::string> all(heard.messages.begin(), heard.messages.end());
    CHECK(all == std::multiset<std::string>{"a", "after", "b", "c"});
  }
  CHECK(queues_of(lease()) == others);
}

TEST_CASE_FIXTURE(Case, "a sender stopped with the lock holds up nobody, and goes on") {
  const auto receiver = boost_mq.listen("demo");
  const auto other = boost_mq.connect("demo");
  const auto others = queues_of(lease());
  Child victim = Child::run([&] {
    const auto out = boost_mq.connect("demo");
    send(*out, "a");
    Inside queue(new_queue(others));
    queue.lock();
    ::raise(SIGSTOP);
    queue.unlock();
    send(*out, "b");
    return 0;
  });
  wait_for_stop(victim);
  auto slowest = 0ns;
  for (int i = 0; i < 100; ++i) {
    const auto start = Clock::now();
    send(*other, std::to_string(i));
    const auto got = receiver->receive(Deadline::after(5s));
    REQUIRE(text_of(got.message) == std::to_string(i));
    slowest = std::max<std::chrono::nanoseconds>(slowest, Clock::now() - start);
  }
  CHECK(slowest < 100ms);
  const auto start = Clock::now();
  CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
  CHECK(Clock::now() - start < 20ms);
  CHECK(receiver->receive(Deadline::after(300ms)).status == Status::timed_out);
  CHECK(Clock::now() - start < 350ms);
  victim.signal(SIGCONT);
  CHECK(hear(*receiver).messages == std::vector<std::string>{"a", "b"});
  CHECK(victim.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "a receiver stopped with the lock looks like a full channel") {
  VictimReceiver receiver(*this, [](Inside& queue, ipc::Receiver& its) {
    ::raise(SIGSTOP);
    queue.unlock();
    expect(text_of(its.receive(Deadline::after(5s)).message) == "last", "the last");
    return 0;
  });
  Child& victim = receiver.process();
  const auto out = boost_mq.connect("demo");
  send(*out, "first");
  wait_for_stop(victim);
  for (const auto patience : {0ms, 1ms, 30ms, 300ms}) {
    auto late = Clock::duration::max();  // the least of several: a busy machine does not count
    for (int i = 0; i < 3; ++i) {
      const auto start = Clock::now();
      CHECK(out->send(bytes_of("no room"), Deadline::after(patience)) == Status::timed_out);
      const auto took = Clock::now() - start;
      CHECK(took >= patience);
      late = std::min(late, took - patience);
    }
    CHECK(late <= 4ms);
  }
  victim.signal(SIGCONT);
  send(*out, "last");
  CHECK(victim.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "a receiver killed with the lock is told as closed, and its queues go") {
  VictimReceiver receiver(*this, [](Inside&, ipc::Receiver&) { return ::raise(SIGKILL); });
  const auto out = boost_mq.connect("demo");
  send(*out, "first");
  CHECK(receiver.process().wait() == -SIGKILL);
  const auto start = Clock::now();
  Status status = Status::ok;
  while (status != Status::closed && Clock::now() - start < 2s)
    status = out->send(bytes_of("x"), Deadline::after(50ms));
  CHECK(status == Status::closed);
  CHECK(Clock::now() - start < 1s);
  const auto old = queues_of(lease());
  CHECK(old.size() == 1);
  const auto next = boost_mq.listen("demo");
  for (const auto& name : old) CHECK_FALSE(fs::exists("/dev/shm/" + name));
  const auto again = boost_mq.connect("demo");
  send(*again, "new life");
  CHECK(text_of(next->receive(Deadline::after(1s)).message) == "new life");
}

TEST_CASE_FIXTURE(Case, "a sender killed at random takes along no more than its queue holds") {
  const auto receiver = boost_mq.listen("demo");
  struct State {
    test::Gate connected;
    std::atomic<std::uint32_t> sent{0};
  };
  std::mt19937 random(42);
  std::uint32_t lost = 0;
  std::uint32_t most = 0;
  constexpr int kills = 20;
  for (int kill = 0; kill < kills; ++kill) {
    Shared<State> state;
    Child victim = Child::run([&] {
      const auto out = boost_mq.connect("demo");
      state->connected.open();
      // Most of the time is spent in copying, under the lock.
      for (const std::string message(8000, '.');; ++state->sent)
        expect(out->send(bytes_of(message)) == Status::ok, "send");
      return 0;
    });
    REQUIRE(state->connected.wait());
    // Killed while the receiver keeps up, or it would sleep before a full queue, without the lock.
    std::thread killer([&, pause = std::chrono::microseconds(random() % 3000)] {
      std::this_thread::sleep_for(pause);
      victim.signal(SIGKILL);
    });
    std::uint32_t received = 0;
    auto got = receiver->receive(Deadline::after(5s));
    for (; got.status != Status::died && got.status != Status::timed_out;
         got = receiver->receive(Deadline::after(5s)))
      if (got.status == Status::ok) ++received;
    killer.join();
    CHECK(victim.wait() == -SIGKILL);
    REQUIRE(got.status == Status::died);
    // One that was killed between sending and counting has sent one more than it says.
    REQUIRE(received <= state->sent + 1);
    const auto missing = state->sent - std::min(state->sent.load(), received);
    lost += missing;
    most = std::max(most, missing);
  }
  MESSAGE(kills << " kills, " << lost << " finished messages lost, by one of them at most "
                << most);
  CHECK(most <= 16);
  CHECK(queues_of(lease()).size() <= 1);
}

}  // namespace
}  // namespace boost_mq_test

// Sender and receiver as two threads of one process: nothing shared but the kernel's objects, so that
// the thread sanitizer sees all that crosses. No forks here.
#include <atomic>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

// A kind that takes a signal of its own needs it blocked in all threads, or it would kill them all.
// A program that listens in several threads blocks such signals before it starts them.
class ThreadsCase : public Case {
 public:
  ThreadsCase() {
    if (!knows("signal")) return;
    sigset_t all;
    ::sigemptyset(&all);
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) ::sigaddset(&all, number);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
    changed_ = true;
  }
  ~ThreadsCase() {
    if (changed_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_{};
  bool changed_ = false;
};

// What went wrong, in whichever thread.
class Failures {
 public:
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    text_ += what + "\n";
  }
  /// Once all threads have ended.
  const std::string& text() const { return text_; }

 private:
  std::mutex mutex_;
  std::string text_;
};

TEST_CASE_FIXTURE(ThreadsCase,
                  "threads with a sender each reach a receiver in another thread of the process") {
  const auto receiver = listen();
  constexpr std::uint32_t count = 300;
  Failures failures;
  std::vector<std::thread> senders;
  for (std::uint32_t author = 0; author < 3; ++author)
    senders.emplace_back([&, author] {
      const auto out = kind().connect(receiver->address());
      for (std::uint32_t i = 0; i < count; ++i)
        if (out->send(message(author, i, i % 25 == 0 ? 20'000 : 100), Deadline::after(20s)) !=
            Status::ok)
          failures.add("a message was not sent");
      if (kind().traits.acknowledges && out->taken(count, Deadline::after(20s)) != count)
        failures.add("not all was taken");
    });
  Ears ears(*receiver);
  std::array<std::uint32_t, 3> next{};
  bool closed = false;
  for (std::uint32_t got = 0; got < 3 * count || !closed;) {
    const auto received = ears.next(20s);
    closed = received.status == Status::closed;
    if (closed) continue;
    if (received.status != Status::ok) {
      failures.add("received: " + std::string(to_string(received.status)));
      break;
    }
    const auto label = label_of(received.message);
    if (!label || label->number != next[label->author]++)
      failures.add("a message is not its sender's next");
    ++got;
  }
  for (auto& thread : senders) thread.join();
  CHECK(failures.text() == "");
}

TEST_CASE_FIXTURE(ThreadsCase,
                  "receivers and senders of different addresses do not disturb each other") {
  Failures failures;
  std::vector<std::thread> pairs;
  for (int i = 0; i < 4; ++i)
    pairs.emplace_back([&failures, address = fresh_address()] {
      for (std::uint32_t round = 0; round < 20; ++round) {
        const auto receiver = kind().listen(address);
        const auto out = kind().connect(receiver->address());
        if (out->send(message(1, round, 1000), Deadline::after(5s)) != Status::ok)
          failures.add("a message was not sent");
        const auto received = receiver->receive(Deadline::after(5s));
        const auto label = label_of(received.message);
        if (!label || label->number != round) failures.add("a message is not the one sent");
      }
    });
  for (auto& thread : pairs) thread.join();
  CHECK(failures.text() == "");
}

TEST_CASE_FIXTURE(ThreadsCase, "threads that contend for one address: one has it at a time") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  std::atomic<int> owners{0};
  Failures failures;
  std::atomic<int> won{0};
  std::vector<std::thread> contenders;
  for (int i = 0; i < 4; ++i)
    contenders.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        try {
          const auto receiver = kind().listen(address);
          if (++owners != 1) failures.add("two have the address");
          ++won;
          --owners;
        } catch (const ipc::Error& error) {
          if (error.trouble() != ipc::Trouble::in_use) failures.add(error.what());
        }
      }
    });
  for (auto& thread : contenders) thread.join();
  CHECK(failures.text() == "");
  CHECK(won > 0);
}

}  // namespace
}  // namespace conformance

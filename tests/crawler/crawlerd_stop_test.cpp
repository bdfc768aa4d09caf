// The daemon from outside: its signals and its end.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "tests/crawler/crawlerd_fixture.hpp"
#include "tests/support/pace.hpp"

using crawler::Fate;
using crawler::Outcome;
using support::count_of;
using support::DaemonUnderTest;
using support::urls;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST_CASE("USR1 that was pending before the start ends the daemon at once, in good order") {
  DaemonUnderTest daemon(
      {"--workers=2"},
      {.prefix = "env --block-signal=USR1 /bin/sh -c 'kill -USR1 $$; exec \"$@\"' sh",
       .wait_for_start = false});
  CHECK(daemon.wait().text == "exited with 0");
  CHECK(daemon.out() == "Downloaded URLs: 0 (0 failed, 0 pending)\n");
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("USR1 right after the first line ends the daemon in good order") {
  for (int round = 0; round != 5; ++round) {
    DaemonUnderTest daemon({"--workers=3"});
    daemon.stop_with(0);
  }
}

TEST_CASE("USR1 during downloads: what is in flight is delivered, what waits is pending") {
  DaemonUnderTest daemon({"--workers=2", "--slots=3"});
  daemon.wait_for_workers(2);
  std::vector<Outcome> outcomes;
  std::thread crawl([&] { outcomes = daemon.crawl(urls(30, "/ok?ms=300")); });
  CHECK(daemon.logs("task 9 -> "));
  daemon.signal(SIGUSR1);
  crawl.join();
  CHECK(outcomes.size() == 30);
  const auto ok = count_of(outcomes, Fate::ok), pending = count_of(outcomes, Fate::pending);
  CHECK(ok >= 9);
  CHECK(ok + pending == 30);
  for (const Outcome& outcome : outcomes)
    if (outcome.page.status == Fate::pending) CHECK(outcome.page.error == "stopped");
  daemon.stop_with(ok, 0, pending);
}

TEST_CASE("ten thousand USR1 make one total line") {
  DaemonUnderTest daemon({"--workers=2", "--slots=3"});
  daemon.wait_for_workers(2);
  std::vector<Outcome> outcomes;
  std::thread crawl([&] { outcomes = daemon.crawl(urls(30, "/ok?ms=100")); });
  CHECK(daemon.logs("task 9 -> "));
  for (int each = 0; each != 10'000; ++each) daemon.signal(SIGUSR1);
  crawl.join();
  const auto ok = count_of(outcomes, Fate::ok);
  daemon.stop_with(ok, 0, 30 - ok);
}

TEST_CASE("while it stops, new requests are refused and grace is kept") {
  DaemonUnderTest daemon({"--workers=1", "--grace=1"});
  daemon.wait_for_workers(1);
  std::vector<Outcome> outcomes;
  std::thread crawl([&] { outcomes = daemon.crawl({"http://fake/ok?ms=60000"}); });
  CHECK(daemon.logs("task 1 -> "));
  const auto start = Clock::now();
  daemon.signal(SIGUSR1);
  CHECK(daemon.logs("stopping: SIGUSR1"));
  CHECK(daemon.ask("GET", "/text?url=http://fake/ok").status == 503);
  CHECK(daemon.ask("POST", "/crawl", "http://fake/ok\n").status == 503);
  CHECK(daemon.status().at("state") == "stopping");
  crawl.join();
  daemon.stop_with(0, 0, 1);
  CHECK(Clock::now() - start >= 1s);
  CHECK(Clock::now() - start < test::allowed(4s));
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].page.status == Fate::pending);
}

TEST_CASE("TERM stops like USR1, a second one and INT do not wait") {
  for (const auto& signals : {std::vector{SIGTERM, SIGTERM}, std::vector{SIGINT}}) {
    DaemonUnderTest daemon({"--workers=1", "--grace=60"});
    daemon.wait_for_workers(1);
    std::thread crawl([&] { (void)daemon.crawl({"http://fake/ok?ms=60000"}); });
    CHECK(daemon.logs("task 1 -> "));
    for (const int number : signals) {
      daemon.signal(number);
      // Read before the next comes: signals of one kind that wait together are one, signal(7).
      CHECK(daemon.logs("SIG" + std::string(::sigabbrev_np(number)) + " from pid"));
    }
    crawl.join();
    CHECK(daemon.wait().text == "exited with 0");
    CHECK(daemon.out() == "Downloaded URLs: 0 (0 failed, 1 pending)\n");
    CHECK(daemon.leftovers().empty());
  }
}

TEST_CASE("USR2 logs the status") {
  DaemonUnderTest daemon({"--workers=1"});
  daemon.signal(SIGUSR2);
  CHECK(daemon.logs("status: {\"pid\":" + std::to_string(daemon.pid())));
  daemon.stop_with(0);
}

TEST_CASE("the total is told to whoever asked for it, and no worker outlives it") {
  DaemonUnderTest daemon({"--workers=2"});
  auto client = daemon.client();
  client.request("GET", "/total");
  REQUIRE(client.receive_head().status == 200);
  CHECK(count_of(daemon.crawl(urls(7, "/ok")), Fate::ok) == 7);
  const auto workers = daemon.workers();
  daemon.stop_with(7);
  CHECK(client.line(true) == "Downloaded URLs: 7 (0 failed, 0 pending)\n");
  CHECK(client.line(true) == "");
  for (const pid_t worker : workers) CHECK_FALSE(support::is_alive(worker));
}

TEST_CASE("a private daemon says when it is ready and ends with its lifeline") {
  std::array<int, 2> lifeline{}, ready{};
  REQUIRE(::pipe2(lifeline.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
  DaemonUnderTest daemon({"--workers=2", "--grace=600", "--lifeline-fd=3", "--ready-fd=4"},
                         {.descriptors = {lifeline[0], ready[1]}});
  ::close(lifeline[0]);
  ::close(ready[1]);
  std::array<char, 16> word{};
  CHECK(::read(ready[0], word.data(), word.size()) == 6);
  CHECK(std::string(word.data()) == "ready\n");
  CHECK(::read(ready[0], word.data(), word.size()) == 0);
  ::close(ready[0]);
  std::vector<Outcome> outcomes;
  std::thread crawl([&] { outcomes = daemon.crawl({"http://fake/ok?ms=60000"}); });
  CHECK(daemon.logs("task 1 -> "));
  ::close(lifeline[1]);
  CHECK(daemon.wait().text == "exited with 0");
  crawl.join();
  CHECK(count_of(outcomes, Fate::pending) == 1);
  CHECK(daemon.leftovers().empty());
}

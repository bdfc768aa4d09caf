// The daemon from outside: its workers' lives and deaths, its signals, its end. The workers are fake
// ones (fake_worker.cpp), so that they can be told how to behave.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <boost/json/array.hpp>
#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/crawler/daemon_under_test.hpp"

using crawler::Fate;
using crawler::Outcome;
using support::DaemonUnderTest;
using support::eventually;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::vector<std::string> urls(std::size_t count, const std::string& path) {
  std::vector<std::string> list;
  for (std::size_t number = 1; number <= count; ++number)
    list.push_back("http://fake/" + std::to_string(number) + path);
  return list;
}

std::size_t count_of(const std::vector<Outcome>& outcomes, Fate fate) {
  return static_cast<std::size_t>(
      std::count_if(outcomes.begin(), outcomes.end(),
                    [&](const Outcome& each) { return each.page.status == fate; }));
}

const Outcome& about(const std::vector<Outcome>& outcomes, const std::string& url) {
  const auto found = std::find_if(outcomes.begin(), outcomes.end(),
                                  [&](const Outcome& each) { return each.url == url; });
  REQUIRE(found != outcomes.end());
  return *found;
}

std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t count = 0;
  for (auto at = text.find(of); at != text.npos; at = text.find(of, at + 1)) ++count;
  return count;
}

/// A task must have failed well within the time of a test.
const std::vector<std::string> impatient{"--total-time=0.3", "--task-time=0.6"};

std::vector<std::string> operator+(std::vector<std::string> left,
                                   const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

TEST_CASE("nine URLs go round three workers") {
  for (const ipc::Kind* kind : ipc::kinds::all) {
    CAPTURE(kind->name);
    DaemonUnderTest daemon({"--workers=3", "--transport=" + std::string(kind->name)});
    daemon.wait_for_workers(3);
    CHECK(daemon.crawl(urls(9, "/ok")).size() == 9);

    const std::string log = daemon.log();
    std::size_t before = 0;
    for (int task = 1; task <= 9; ++task) {
      const auto worker = std::to_string((task - 1) % 3 + 1);
      const auto line = "task " + std::to_string(task) + " -> w" + worker + ": http://fake/" +
                        std::to_string(task) + "/ok\n";
      const auto at = log.find(line);
      CHECK_MESSAGE(at != log.npos, line);
      CHECK(at >= before);
      before = at;
    }
    const auto status = daemon.status();
    for (const auto& worker : status.at("workers").as_array()) {
      const auto slot = worker.at("slot").to_number<int>();
      CHECK(worker.at("done") == 3);
      for (int round = 0; round != 3; ++round)
        CHECK(worker.at("recent").as_array().at(static_cast<std::size_t>(round)).as_string() ==
              "http://fake/" + std::to_string(slot + 3 * round) + "/ok");
    }
    daemon.stop_with(9);
  }
}

TEST_CASE("a worker stuck on a long page does not hold up the others") {
  DaemonUnderTest daemon({"--workers=3", "--slots=1"});
  daemon.wait_for_workers(3);
  auto list = urls(9, "/ok?ms=10");
  list[0] = "http://fake/1/ok?ms=10000";
  auto client = daemon.client();
  std::string body;
  for (const auto& url : list) body += url + "\n";
  const auto start = Clock::now();
  client.request("POST", "/crawl", body);
  REQUIRE(client.receive_head().status == 200);
  for (int line = 0; line != 8; ++line) {
    const auto outcome = crawler::read_line(client.line(true));
    REQUIRE(outcome);
    CHECK(outcome.value->worker != 1);
  }
  CHECK(Clock::now() - start < 2s);
  const auto tasks = daemon.status().at("workers").as_array()[0].at("tasks").as_array();
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].at("url") == "http://fake/1/ok?ms=10000");
}

TEST_CASE("a URL over which each worker crashes is poison, and takes nothing with it") {
  DaemonUnderTest daemon({"--workers=2", "--slots=4"});
  auto list = urls(40, "/ok");
  list.insert(list.begin() + 5, "http://fake/crash");
  list.insert(list.begin() + 20, "http://fake/exit");
  const auto outcomes = daemon.crawl(list);
  CHECK(outcomes.size() == 42);
  CHECK(count_of(outcomes, Fate::ok) == 40);
  for (const auto* url : {"http://fake/crash", "http://fake/exit"}) {
    const Outcome& poison = about(outcomes, url);
    CHECK(poison.page.status == Fate::failed);
    CHECK(poison.page.error == "poison");
  }
  const auto log = daemon.log();
  CHECK(log.find("was killed by SIGSEGV") != log.npos);
  CHECK(log.find("exited with 7") != log.npos);
  // Three charged deaths each, and at most one more among others that made them suspects.
  CHECK(occurrences(log, "was killed by SIGSEGV") <= 4);
  daemon.stop_with(40, 2);
}

TEST_CASE("a URL whose worker died goes to another") {
  DaemonUnderTest daemon({"--workers=2"});
  const auto outcomes = daemon.crawl({"http://fake/crash-once"});
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].page.status == Fate::ok);
  CHECK(outcomes[0].attempt == 2);
  daemon.stop_with(1);
}

TEST_CASE("a worker that hangs, or keeps an answer back, is killed and its task tried again") {
  for (const auto* path : {"/hang", "/silent", "/bad"}) {
    CAPTURE(path);
    DaemonUnderTest daemon(impatient + std::vector<std::string>{"--workers=2", "--charges=2"});
    auto list = urls(10, "/ok");
    list.push_back(std::string("http://fake") + path);
    const auto outcomes = daemon.crawl(list);
    CHECK(count_of(outcomes, Fate::ok) == 10);
    CHECK(about(outcomes, list.back()).page.error == "poison");
    CHECK(daemon.log().find("hangs") != std::string::npos);
    daemon.stop_with(10, 1);
  }
}

TEST_CASE("a stopped worker is killed, and its tasks are done by others") {
  DaemonUnderTest daemon(impatient + std::vector<std::string>{"--workers=2", "--slots=4"});
  daemon.wait_for_workers(2);
  const auto workers = daemon.workers();
  ::kill(workers[0], SIGSTOP);
  const auto outcomes = daemon.crawl(urls(20, "/ok"));
  CHECK(count_of(outcomes, Fate::ok) == 20);
  CHECK_FALSE(support::is_alive(workers[0]));
  daemon.stop_with(20);
}

TEST_CASE("an answer counts once, and noise in the master's inbox not at all") {
  for (const ipc::Kind* kind : ipc::kinds::all) {
    CAPTURE(kind->name);
    DaemonUnderTest daemon({"--workers=2", "--transport=" + std::string(kind->name)});
    auto list = urls(5, "/twice");
    for (const auto& noisy : urls(5, "/noise")) list.push_back(noisy);
    const auto outcomes = daemon.crawl(list);
    CHECK(count_of(outcomes, Fate::ok) == 10);
    for (const Outcome& outcome : outcomes) CHECK(outcome.page.text == "text of " + outcome.url);
    CHECK(daemon.status().at("bad_messages").to_number<int>() > 500);
    CHECK(occurrences(daemon.log(), "bad message number") < 100);
    daemon.stop_with(10);
  }
}

TEST_CASE("random bytes written into the inbox itself harm nobody") {
  DaemonUnderTest daemon({"--workers=2", "--transport=fifo"});
  daemon.wait_for_workers(2);
  const std::string inbox(daemon.status().at("inbox").as_string());
  const auto shell =
      pool::launch({"/bin/sh", {"-c", "head -c 1M /dev/urandom > \"$0\"", inbox}, {}});
  CHECK(count_of(daemon.crawl(urls(50, "/ok?ms=20")), Fate::ok) == 50);
  CHECK(eventually([&] { return !support::is_alive(shell.pid()); }, 5s));
  CHECK(count_of(daemon.crawl(urls(50, "/ok")), Fate::ok) == 50);
  daemon.stop_with(100);
}

TEST_CASE("workers that die before their hello stop the daemon, which says why") {
  DaemonUnderTest daemon({"--workers=4"}, {.prefix = "env FAKE_WORKER=die"});
  const auto exit = daemon.wait(10s);
  CHECK(exit.text == "exited with 1");
  const auto log = daemon.log();
  CHECK(log.find("giving up: 10 workers in a row died before they said hello; the last one "
                 "exited with 3") != log.npos);
  CHECK(occurrences(log, "exited with 3") < 20);
  CHECK(daemon.out() == "Downloaded URLs: 0 (0 failed, 0 pending)\n");
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("a worker that does not say hello is killed") {
  DaemonUnderTest daemon({"--workers=1", "--hello-time=0.1"}, {.prefix = "env FAKE_WORKER=mute"});
  CHECK(daemon.logs("has not said hello in time: killed"));
  CHECK(daemon.logs("it had not said hello: w1 is started again in 100 ms"));
  CHECK(daemon.logs("it had not said hello: w1 is started again in 200 ms"));
  daemon.stop_with(0);
}

TEST_CASE("a missing worker program is told at once") {
  DaemonUnderTest daemon({"--worker=/nonexistent/worker"}, {.wait_for_start = false});
  CHECK(daemon.wait().text == "exited with 2");
  CHECK(daemon.log() ==
        "crawlerd: worker program /nonexistent/worker: No such file or directory (name another "
        "with --worker)\n");
}

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
  CHECK(Clock::now() - start < 4s);
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
      CHECK(daemon.logs("SIG" + std::string(::sigabbrev_np(number)) + " from pid"));
      // Signals of one kind that wait together are one: signal(7).
      CHECK(daemon.logs("stopping"));
      std::this_thread::sleep_for(50ms);
    }
    crawl.join();
    CHECK(daemon.wait(5s).text == "exited with 0");
    CHECK(daemon.out() == "Downloaded URLs: 0 (0 failed, 1 pending)\n");
    CHECK(daemon.leftovers().empty());
  }
}

TEST_CASE("workers that do not end when told are killed") {
  DaemonUnderTest daemon({"--workers=3"}, {.prefix = "env FAKE_WORKER=lives-on"});
  daemon.wait_for_workers(3);
  const auto workers = daemon.workers();
  daemon.stop_with(0);
  for (const pid_t worker : workers) CHECK_FALSE(support::is_alive(worker));
}

TEST_CASE("after kill -9 no worker lives, stopped or not, and a new daemon works at once") {
  for (const ipc::Kind* kind : ipc::kinds::all) {
    CAPTURE(kind->name);
    const support::PrivateDirectory directory;
    const std::vector<std::string> arguments{"--workers=4",
                                             "--transport=" + std::string(kind->name),
                                             "--socket=" + directory.path() + "/socket"};
    std::vector<pid_t> workers;
    {
      // Workers that ignore their lifeline: the death signal alone must do.
      DaemonUnderTest daemon(arguments,
                             {.prefix = "env FAKE_WORKER=lives-on", .directory = directory.path()});
      daemon.wait_for_workers(4);
      workers = daemon.workers();
      ::kill(workers[0], SIGSTOP);
      ::kill(workers[1], SIGSTOP);
      daemon.signal(SIGKILL);
      (void)daemon.wait();
    }
    DaemonUnderTest next(arguments, {.directory = directory.path()});
    CHECK(eventually(
        [&] { return std::none_of(workers.begin(), workers.end(), support::is_alive); }, 1s));
    CHECK(count_of(next.crawl(urls(20, "/ok")), Fate::ok) == 20);
    CHECK(next.log().find("removed what the dead daemon of run") != std::string::npos);
    next.stop_with(20);
  }
}

TEST_CASE("a second daemon at the same place is refused and names the first") {
  DaemonUnderTest daemon({"--workers=1"});
  DaemonUnderTest second({"--workers=1", "--socket=" + daemon.socket()}, {.wait_for_start = false});
  CHECK(second.wait().text == "exited with 1");
  CHECK(second.log().find("pid " + std::to_string(daemon.pid())) != std::string::npos);
  CHECK(count_of(daemon.crawl(urls(3, "/ok")), Fate::ok) == 3);
  daemon.stop_with(3);
}

TEST_CASE("what cannot be configured is one clear line and an exit code") {
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& code) {
    DaemonUnderTest daemon(arguments, {.wait_for_start = false});
    CHECK(daemon.wait().text == "exited with " + code);
    CHECK(daemon.out() == "");
    CHECK(daemon.leftovers().empty());
    return daemon.log();
  };
  CHECK(refused({"--transport=pigeon"}, "2") ==
        "crawlerd: transport \"pigeon\" is unknown; known are " + ipc::kinds::names() + "\n");
  CHECK(refused({"--workers=0"}, "2") == "crawlerd: --workers must be from 1 to 1024\n");
  CHECK(refused({"-c", "/nonexistent.toml"}, "1") ==
        "crawlerd: configuration /nonexistent.toml: No such file or directory\n");
  CHECK(refused({"--listen=0.0.0.0:80"}, "2").find("not a loopback address") != std::string::npos);
  CHECK(refused({"--no-such-option"}, "2").find("--no-such-option") != std::string::npos);
  const std::string deep = "--socket=/tmp/" + std::string(120, 'x');
  CHECK(refused({deep}, "5").find("unix(7) has room for 107") != std::string::npos);
}

TEST_CASE("the inboxes of 32 workers over mq fit into the quota, and so do their successors'") {
  DaemonUnderTest daemon({"--transport=mq", "--workers=32"});
  daemon.wait_for_workers(32);
  const auto before = daemon.workers();
  for (const pid_t worker : before) ::kill(worker, SIGKILL);
  CHECK(eventually(
      [&] {
        const auto after = daemon.workers();
        return after.size() == 32 && std::ranges::find_first_of(after, before) == after.end();
      },
      10s));
  daemon.wait_for_workers(32);
  CHECK(count_of(daemon.crawl(urls(64, "/ok")), Fate::ok) == 64);
  daemon.stop_with(64);
}

TEST_CASE("workers whose inboxes do not fit are refused before there is one") {
  const std::string quota = "prlimit --msgqueue=40000:40000";
  DaemonUnderTest daemon({"--transport=mq", "--workers=32"},
                         {.prefix = quota, .wait_for_start = false});
  CHECK(daemon.wait().text == "exited with 5");
  CHECK(daemon.out() == "");
  CHECK(daemon.leftovers().empty());
  const std::string log = daemon.log();
  CHECK(occurrences(log, "\n") == 1);
  for (const std::string part :
       {"crawlerd: mq: 33 queues do not fit", "RLIMIT_MSGQUEUE is 40000", "ulimit -q"})
    CHECK_MESSAGE(log.find(part) != std::string::npos, log);
}

TEST_CASE("HUP for more workers than fit keeps the old configuration") {
  const support::PrivateDirectory place;
  const std::string file = place.path() + "/crawlerd.toml";
  std::ofstream(file) << "transport = \"mq\"\nworkers = 2\n";
  DaemonUnderTest daemon({"-c", file});
  daemon.wait_for_workers(2);
  std::ofstream(file) << "transport = \"mq\"\nworkers = 1000\n";
  daemon.signal(SIGHUP);
  CHECK(daemon.logs("the old configuration stays: mq: 998 queues do not fit"));
  CHECK(daemon.workers().size() == 2);
  CHECK(count_of(daemon.crawl(urls(4, "/ok")), Fate::ok) == 4);
  daemon.stop_with(4);
}

TEST_CASE("HUP reads the configuration again, and keeps the old one if the new is broken") {
  const support::PrivateDirectory place;
  const std::string file = place.path() + "/crawlerd.toml";
  std::ofstream(file) << "workers = 2\n";
  DaemonUnderTest daemon({"-c", file});
  daemon.wait_for_workers(2);
  const auto before = daemon.workers();

  std::ofstream(file) << "workers = 4\n";
  daemon.signal(SIGHUP);
  daemon.wait_for_workers(4);
  CHECK(daemon.workers()[0] == before[0]);

  std::ofstream(file) << "workers = 1\nworker_count = 3\n";
  daemon.signal(SIGHUP);
  CHECK(daemon.logs("the old configuration stays: " + file + ":2: worker_count is no setting"));
  CHECK(daemon.workers().size() == 4);

  std::ofstream(file) << "workers = 1\n[limits]\nslots = 5\n";
  daemon.signal(SIGHUP);
  daemon.wait_for_workers(1);
  // Its limits are new, so the worker is.
  CHECK(eventually([&] { return daemon.workers() != std::vector{before[0]}; }, 5s));
  daemon.wait_for_workers(1);
  CHECK(count_of(daemon.crawl(urls(5, "/ok")), Fate::ok) == 5);
  daemon.stop_with(5);
}

TEST_CASE("USR2 logs the status") {
  DaemonUnderTest daemon({"--workers=1"});
  daemon.signal(SIGUSR2);
  CHECK(daemon.logs("status: {\"pid\":" + std::to_string(daemon.pid())));
  daemon.stop_with(0);
}

TEST_CASE("a private daemon says when it is ready and ends with its lifeline") {
  std::array<int, 2> lifeline{}, ready{};
  REQUIRE(::pipe2(lifeline.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
  DaemonUnderTest daemon({"--workers=2", "--lifeline-fd=3", "--ready-fd=4"},
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
  const auto start = Clock::now();
  CHECK(daemon.wait().text == "exited with 0");
  CHECK(Clock::now() - start < 2s);
  crawl.join();
  CHECK(count_of(outcomes, Fate::pending) == 1);
  CHECK(daemon.leftovers().empty());
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

TEST_CASE("a client that leaves takes its URLs with it") {
  DaemonUnderTest daemon({"--workers=1", "--slots=2"});
  daemon.wait_for_workers(1);
  {
    auto client = daemon.client();
    std::string body;
    for (const auto& url : urls(1000, "/ok?ms=100")) body += url + "\n";
    client.request("POST", "/crawl", body);
    REQUIRE(client.receive_head().status == 200);
    REQUIRE_FALSE(client.line(true).empty());
  }
  CHECK(eventually([&] { return daemon.status().at("waiting") == 0; }, 5s));
  CHECK(count_of(daemon.crawl(urls(3, "/ok")), Fate::ok) == 3);
  const auto done = daemon.status().at("downloaded").to_number<std::uint64_t>();
  CHECK(done < 50);
  daemon.stop_with(done);
}

TEST_CASE("large answers come whole over each transport") {
  for (const ipc::Kind* kind : ipc::kinds::all) {
    CAPTURE(kind->name);
    DaemonUnderTest daemon({"--workers=2", "--transport=" + std::string(kind->name)});
    const auto outcomes = daemon.crawl(urls(2, "/big?kib=8192"));
    REQUIRE(outcomes.size() == 2);
    const std::string wanted(std::size_t{8} << 20, 'x');
    for (const Outcome& outcome : outcomes) {
      const bool is_whole = outcome.page.text == wanted;
      CHECK(is_whole);
    }
    daemon.stop_with(2);
  }
}

TEST_CASE("a malformed URL is a clear failure, and the others are fetched") {
  DaemonUnderTest daemon({"--workers=1"});
  const auto outcomes = daemon.crawl({"http://fake/ok", "fake/ok", "ftp://fake/", "http://",
                                      "http:///x", "http://fake/a b", "http://fake/\x80",
                                      "http://fake/" + std::string(9000, 'x'), "HTTP://fake/ok"});
  CHECK(outcomes.size() == 9);
  CHECK(count_of(outcomes, Fate::ok) == 2);
  for (const Outcome& outcome : outcomes)
    if (outcome.page.status != Fate::ok) CHECK(outcome.page.error == "bad-url");
  CHECK(about(outcomes, "fake/ok").page.detail == "the URL is no http:// or https:// URL");
  CHECK(about(outcomes, "http:///x").page.detail == "the URL names no host");
  daemon.stop_with(2, 7);
}

TEST_CASE("a client that reads nothing harms nobody, and stops its own list only") {
  DaemonUnderTest daemon({"--workers=2", "--slots=4"});
  daemon.wait_for_workers(2);
  auto lazy = daemon.client();
  std::string body;
  for (const auto& url : urls(500, "/big?kib=1024")) body += url + "\n";
  lazy.request("POST", "/crawl", body);
  const auto downloaded = [&] {
    return daemon.status().at("downloaded").to_number<std::uint64_t>();
  };
  CHECK(eventually([&] { return daemon.status().at("in_flight") == 0 && downloaded() != 0; }, 10s));
  // 1 MiB unread stops it, but for what both workers had by then.
  const auto held = downloaded();
  CHECK(held <= 20);
  CHECK(count_of(daemon.crawl(urls(50, "/ok")), Fate::ok) == 50);
  CHECK(downloaded() == held + 50);
  // It goes on as soon as it reads.
  REQUIRE(lazy.receive_head().status == 200);
  for (int line = 0; line != 60; ++line) REQUIRE_FALSE(lazy.line(true).empty());
  CHECK(downloaded() > held + 50);
}

TEST_CASE("what does not fit into a stopped worker's inbox waits, and gets there later") {
  for (const ipc::Kind* kind : ipc::kinds::all) {
    CAPTURE(kind->name);
    DaemonUnderTest daemon(
        {"--workers=2", "--slots=1024", "--transport=" + std::string(kind->name)});
    daemon.wait_for_workers(2);
    const pid_t stopped = daemon.workers()[0];
    ::kill(stopped, SIGSTOP);
    std::vector<Outcome> outcomes;
    std::thread crawl([&] { outcomes = daemon.crawl(urls(2048, "/ok?" + std::string(900, 'x'))); });
    CHECK(eventually([&] { return daemon.status().at("downloaded") == 1024; }, 10s));
    ::kill(stopped, SIGCONT);
    crawl.join();
    CHECK(count_of(outcomes, Fate::ok) == 2048);
    CHECK(daemon.status().at("workers").as_array()[0].at("deaths") == 0);
    daemon.stop_with(2048);
  }
}

TEST_CASE("a hundred readings of the configuration leave no descriptor open and lose no URL") {
  const support::PrivateDirectory place;
  const std::string file = place.path() + "/crawlerd.toml";
  std::ofstream(file) << "workers = 2\n";
  DaemonUnderTest daemon({"-c", file});
  daemon.wait_for_workers(2);
  const auto descriptors = [&] {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(daemon.pid()) + "/fd"))
      ++count;
    return count;
  };
  const auto before = descriptors();
  std::vector<Outcome> outcomes;
  std::thread crawl([&] { outcomes = daemon.crawl(urls(200, "/ok?ms=50")); });
  for (int reading = 0; reading != 100; ++reading) {
    std::ofstream(file) << "workers = 2\n[limits]\nslots = " << 1 + reading % 20 << "\n";
    daemon.signal(SIGHUP);
    std::this_thread::sleep_for(10ms);
  }
  crawl.join();
  CHECK(count_of(outcomes, Fate::ok) == 200);
  daemon.wait_for_workers(2);
  CHECK(eventually([&] { return descriptors() == before; }, 5s));
  daemon.stop_with(200);
}

TEST_CASE("the door on TCP is announced with its port, and answers there") {
  DaemonUnderTest daemon({"--workers=1", "--listen=127.0.0.1:0"});
  const auto port = daemon.status().at("port").to_number<std::uint16_t>();
  CHECK(daemon.log().find(", http://127.0.0.1:" + std::to_string(port) + "/; text: crawl URL") !=
        std::string::npos);
  daemon.wait_for_workers(1);
  CHECK(support::HttpClient(port).ask("GET", "/text?url=http://fake/ok").body ==
        "text of http://fake/ok");
  daemon.stop_with(1);
}

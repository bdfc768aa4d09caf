// The daemon from outside: its workers' lives and deaths, and what they cost whom.
#include <signal.h>

#include <thread>

#include <boost/json/array.hpp>

#include "ipc/kinds.hpp"
#include "tests/crawler/crawlerd_fixture.hpp"

using crawler::Fate;
using crawler::Outcome;
using support::about;
using support::count_of;
using support::DaemonUnderTest;
using support::eventually;
using support::occurrences;
using support::urls;
using namespace std::chrono_literals;

namespace {

/// A task must have failed well within the time of a test, and a healthy worker on a busy machine must
/// not be late.
const std::vector<std::string> impatient{"--total-time=1", "--task-time=2"};

std::vector<std::string> operator+(std::vector<std::string> left,
                                   const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

TEST_CASE("a worker starts, is idle, works while it has a page, and is idle again") {
  DaemonUnderTest daemon({"--workers=1"});
  const auto is = [&](const char* state) {
    return eventually(
        [&] { return daemon.status().at("workers").as_array()[0].at("state") == state; }, 10s);
  };
  CHECK(is("idle"));
  auto client = daemon.client();
  client.request("GET", "/text?url=http://fake/ok?ms=60000");
  CHECK(is("working"));
  const auto busy = daemon.workers();
  ::kill(busy[0], SIGKILL);
  CHECK(eventually([&] { return daemon.workers() != busy; }, 10s));
  CHECK(is("working"));
  client = daemon.client();  // the page's client leaves, its worker does not stop for that
  CHECK(is("working"));
  ::kill(daemon.workers()[0], SIGKILL);
  CHECK(is("idle"));
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

TEST_CASE("a page over which each worker runs out of memory is poison, and takes nothing with it") {
  DaemonUnderTest daemon({"--workers=2", "--slots=4"});
  auto list = urls(20, "/ok");
  list.insert(list.begin() + 5, "http://fake/eat");
  const auto outcomes = daemon.crawl(list);
  CHECK(count_of(outcomes, Fate::ok) == 20);
  CHECK(about(outcomes, "http://fake/eat").page.error == "poison");
  CHECK(about(outcomes, "http://fake/eat").attempt <= 4);
  daemon.wait_for_workers(2);
  daemon.stop_with(20, 1);
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
  for (const auto* path : {"/hang", "/silent"}) {
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

TEST_CASE("a result that breaks the protocol is charged to its page at once, and to no other") {
  DaemonUnderTest daemon({"--workers=2", "--slots=4", "--task-time=600"});
  auto list = urls(20, "/ok");
  list.insert(list.begin() + 5, "http://fake/bad");
  const auto outcomes = daemon.crawl(list);
  CHECK(count_of(outcomes, Fate::ok) == 20);
  CHECK(about(outcomes, "http://fake/bad").page.error == "poison");
  const auto log = daemon.log();
  CHECK(log.find("for task 6 is dropped: status is unknown") != log.npos);
  // Three charged deaths, and at most one more among others that made them suspects.
  const auto deaths = occurrences(log, "answers a task with nonsense: killed");
  CHECK(deaths >= 3);
  CHECK(deaths <= 4);
  daemon.stop_with(20, 1);
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

TEST_CASE("an answer counts once, and noise in the master's inbox not at all" *
          doctest::test_suite("each kind")) {
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
  const auto exit = daemon.wait();
  CHECK(exit.text == "exited with 1");
  const auto log = daemon.log();
  CHECK(log.find("giving up: 10 workers in a row died before they said hello; the last one "
                 "exited with 3") != log.npos);
  CHECK(occurrences(log, "exited with 3") < 20);
  CHECK(daemon.out() == "Downloaded URLs: 0 (0 failed, 0 pending)\n");
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("time in which the daemon itself was stopped is not the silence of its workers") {
  DaemonUnderTest daemon({"--workers=2", "--total-time=1", "--task-time=2"});
  daemon.wait_for_workers(2);
  const auto workers = daemon.workers();
  daemon.signal(SIGSTOP);
  std::this_thread::sleep_for(4s);
  daemon.signal(SIGCONT);
  std::this_thread::sleep_for(1500ms);  // a ping or two
  CHECK(daemon.workers() == workers);
  daemon.stop_with(0);
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

TEST_CASE("workers that do not end when told are killed") {
  DaemonUnderTest daemon({"--workers=3"}, {.prefix = "env FAKE_WORKER=lives-on"});
  daemon.wait_for_workers(3);
  const auto workers = daemon.workers();
  daemon.stop_with(0);
  for (const pid_t worker : workers) CHECK_FALSE(support::is_alive(worker));
}

TEST_CASE("after kill -9 no worker lives, stopped or not, and a new daemon works at once" *
          doctest::test_suite("each kind")) {
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
        [&] { return std::none_of(workers.begin(), workers.end(), support::is_alive); }, 10s));
    CHECK(count_of(next.crawl(urls(20, "/ok")), Fate::ok) == 20);
    CHECK(next.log().find("removed what the dead daemon of run") != std::string::npos);
    next.stop_with(20);
  }
}

// The daemon from outside: what it is started with, and reading the configuration again.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include <boost/json/array.hpp>

#include "ipc/kinds.hpp"
#include "tests/crawler/crawlerd_fixture.hpp"

using crawler::Fate;
using crawler::Outcome;
using support::count_of;
using support::DaemonUnderTest;
using support::eventually;
using support::occurrences;
using support::urls;
using namespace std::chrono_literals;

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
      30s));
  daemon.wait_for_workers(32);
  CHECK(count_of(daemon.crawl(urls(64, "/ok")), Fate::ok) == 64);
  daemon.stop_with(64);
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

TEST_CASE("HUP while workers are starting replaces them, and is no storm") {
  const support::PrivateDirectory place;
  const std::string file = place.path() + "/crawlerd.toml";
  std::ofstream(file) << "workers = 16\n";
  DaemonUnderTest daemon({"-c", file}, {.prefix = "env FAKE_WORKER=mute"});
  std::ofstream(file) << "workers = 16\n[limits]\nslots = 5\n";
  daemon.signal(SIGHUP);
  CHECK(daemon.logs("configuration read again: 16 workers"));
  CHECK(eventually([&] { return occurrences(daemon.log(), "is not needed any more") == 16; }, 5s));
  std::ofstream(file) << "workers = 2\n[limits]\nslots = 5\n";
  daemon.signal(SIGHUP);
  CHECK(daemon.logs("configuration read again: 2 workers"));
  CHECK(eventually([&] { return daemon.workers().size() == 2; }, 5s));
  CHECK(daemon.log().find("is started again") == std::string::npos);
  daemon.stop_with(0);
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
  // What we have asked over is closed there a moment later than here.
  const auto is_left_alone = [&] {
    std::ifstream sockets("/proc/net/unix");
    for (std::string line; std::getline(sockets, line);)
      if (line.find(" 0001 03 ") != std::string::npos && line.ends_with(" " + daemon.socket()))
        return false;
    return true;
  };
  REQUIRE(eventually(is_left_alone, 5s));
  const auto before = descriptors();
  std::vector<Outcome> outcomes;
  std::thread crawl([&] { outcomes = daemon.crawl(urls(200, "/ok?ms=50")); });
  for (int reading = 0; reading != 100; ++reading) {
    std::ofstream(file) << "workers = 2\n[limits]\nslots = " << 1 + reading % 20 << "\n";
    daemon.signal(SIGHUP);
    const auto is_read = [&] {
      return occurrences(daemon.log(), "configuration read again") >
             static_cast<std::size_t>(reading);
    };
    CHECK(eventually(is_read, 10s));
  }
  crawl.join();
  CHECK(count_of(outcomes, Fate::ok) == 200);
  daemon.wait_for_workers(2);
  CHECK(eventually([&] { return descriptors() == before; }, 5s));
  daemon.stop_with(200);
}

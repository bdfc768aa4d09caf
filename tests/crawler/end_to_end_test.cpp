// The daemon with its real workers, and pages from the demo site.
#include <signal.h>

#include <algorithm>
#include <map>
#include <thread>

#include <doctest/doctest.h>

#include "tests/crawler/crawling.hpp"

using crawler::Fate;
using crawler::Outcome;
using support::DaemonUnderTest;
using support::pages;
using support::SiteProcess;
using support::workers_of;
using namespace std::chrono_literals;

TEST_CASE("a page comes as its text") {
  const SiteProcess site;
  DaemonUnderTest daemon({"--worker=" CRAWLER_WORKER_PROGRAM, "--workers=2"});
  const auto response = daemon.ask("GET", "/text?url=" + site.url("/page/1"));
  CHECK(response.status == 200);
  CHECK(!response.body.empty());
  CHECK(response.body.find("</") == std::string::npos);
  CHECK(daemon.ask("GET", "/text?url=" + site.url("/nothing/here")).status == 502);
  daemon.stop_with(1, 1);
}

TEST_CASE("a worker made of shell commands joins and gets its share") {
  const SiteProcess site;
  DaemonUnderTest daemon({"--worker=" CRAWLER_WORKER_PROGRAM, "--workers=2", "--transport=fifo"});
  daemon.wait_for_workers(2);
  const auto status = daemon.status();
  const std::string path = PROGRAM_DIRECTORY;
  const auto shell =
      pool::launch({"/usr/bin/env",
                    {"PATH=" + path + ":/usr/bin:/bin", SHELL_WORKER,
                     std::string(status.at("inbox").as_string()),
                     std::string(status.at("run").as_string()), daemon.directory() + "/by-hand"},
                    {}});
  daemon.wait_for_workers(3);
  const auto outcomes = daemon.crawl(pages(site, 9, 0));
  REQUIRE(outcomes.size() == 9);
  std::map<std::uint32_t, int> share;
  for (const Outcome& outcome : outcomes) {
    ++share[outcome.worker];
    CHECK_MESSAGE(outcome.page.status == Fate::ok, outcome.page.error);
  }
  REQUIRE(share.size() == 3);
  for (const auto& [worker, count] : share) CHECK(count == 3);

  // It answers pings, so it is still there after five of them; and it ends with the daemon.
  std::this_thread::sleep_for(6s);
  CHECK(workers_of(daemon).size() == 3);
  daemon.signal(SIGUSR1);
  CHECK(daemon.wait().text == "exited with 0");
  CHECK(support::eventually([&] { return !support::is_alive(shell.pid()); }, 5s));
}

TEST_CASE("a worker that joined by hand and is gone loses no URL") {
  const SiteProcess site;
  DaemonUnderTest daemon({"--worker=" CRAWLER_WORKER_PROGRAM, "--workers=1", "--transport=dgram"});
  daemon.wait_for_workers(1);
  const auto status = daemon.status();
  const auto by_hand =
      pool::launch({CRAWLER_WORKER_PROGRAM,
                    {"--transport=dgram", "--run=" + std::string(status.at("run").as_string()),
                     "--master=" + std::string(status.at("inbox").as_string()),
                     "--inbox=" + daemon.directory() + "/by-hand"},
                    {}});
  daemon.wait_for_workers(2);
  std::vector<Outcome> outcomes;
  std::thread crawl([&] { outcomes = daemon.crawl(pages(site, 40, 500)); });
  CHECK(daemon.logs("-> w10001"));
  by_hand.signal(SIGKILL);
  crawl.join();
  CHECK(std::count_if(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) {
          return outcome.page.status == Fate::ok;
        }) == 40);
  CHECK(daemon.log().find("which joined by hand, has left") != std::string::npos);
  daemon.signal(SIGUSR1);
  CHECK(daemon.wait().text == "exited with 0");
}

// The daemon with its real workers, and pages from the demo site.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <boost/json/array.hpp>
#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/crawler/daemon_under_test.hpp"
#include "tests/crawler/site_process.hpp"
#include "tests/support/pace.hpp"

using crawler::Fate;
using crawler::Outcome;
using support::DaemonUnderTest;
using support::PrivateDirectory;
using support::SiteProcess;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::vector<std::string> pages(const SiteProcess& site, unsigned count, unsigned delay) {
  std::vector<std::string> urls;
  for (unsigned page = 1; page <= count; ++page)
    urls.push_back(site.url("/page/" + std::to_string(page) + "?delay=" + std::to_string(delay)));
  return urls;
}

struct Worker {
  int slot, generation;
  pid_t pid;
  bool is_ready;
};
std::vector<Worker> workers_of(const DaemonUnderTest& daemon) {
  std::vector<Worker> workers;
  const auto status = daemon.status();
  for (const auto& each : status.at("workers").as_array())
    workers.push_back({each.at("slot").to_number<int>(), each.at("generation").to_number<int>(),
                       each.at("pid").to_number<pid_t>(), support::is_ready(each)});
  return workers;
}

/// Kills a random worker every 100 ms, and takes the time until its slot is at work again.
class Killer {
 public:
  explicit Killer(const DaemonUnderTest& daemon) : daemon_(daemon) {}

  void run_until(const std::atomic<bool>& over) {
    auto next = Clock::now();
    while (!over) {
      const auto workers = workers_of(daemon_);
      look(workers);
      if (Clock::now() >= next) {
        kill_one(workers);
        next += 100ms;
      }
      support::sleep_briefly();
    }
  }
  int kills() const { return kills_; }
  Clock::duration slowest() const { return slowest_; }

 private:
  struct Death {
    int generation;
    Clock::time_point when;
  };
  void look(const std::vector<Worker>& workers) {
    for (const Worker& worker : workers) {
      const auto death = deaths_.find(worker.slot);
      if (death == deaths_.end() || !worker.is_ready ||
          worker.generation <= death->second.generation)
        continue;
      slowest_ = std::max(slowest_, Clock::now() - death->second.when);
      deaths_.erase(death);
    }
  }
  void kill_one(std::vector<Worker> workers) {
    std::erase_if(workers, [](const Worker& worker) { return !worker.is_ready; });
    if (workers.empty()) return;
    const Worker& worker = workers[random_() % workers.size()];
    if (::kill(worker.pid, SIGKILL) == -1) return;
    ++kills_;
    deaths_[worker.slot] = {worker.generation, Clock::now()};
  }

  const DaemonUnderTest& daemon_;
  std::mt19937 random_{20261121};
  std::map<int, Death> deaths_;
  int kills_ = 0;
  Clock::duration slowest_{};
};

}  // namespace

TEST_CASE("500 URLs survive a worker killed every 100 ms, on each transport") {
  const SiteProcess site;
  for (const ipc::Kind* kind : ipc::kinds::all) {
    CAPTURE(kind->name);
    // In memory, as $XDG_RUNTIME_DIR mostly is: on a disk, whoever else writes to it would count too.
    const PrivateDirectory directory("/dev/shm");
    DaemonUnderTest daemon({"--worker=" CRAWLER_WORKER_PROGRAM, "--workers=4", "--slots=4",
                            "--transport=" + std::string(kind->name)},
                           {.directory = directory.path()});
    daemon.wait_for_workers(4);
    std::vector<Outcome> outcomes;
    std::atomic<bool> over = false;
    std::jthread crawl([&] {
      outcomes = daemon.crawl(pages(site, 500, 200));
      over = true;
    });
    Killer killer(daemon);
    killer.run_until(over);
    crawl.join();

    std::set<std::string> unique;
    for (const Outcome& outcome : outcomes) {
      unique.insert(outcome.url);
      CHECK_MESSAGE(outcome.page.status == Fate::ok, outcome.page.error, " ", outcome.page.detail);
    }
    CHECK(outcomes.size() == 500);
    CHECK(unique.size() == 500);
    CHECK(killer.kills() >= 50);
    MESSAGE(kind->name, ": ", killer.kills(), " kills, slowest hello after ",
            std::chrono::duration_cast<std::chrono::milliseconds>(killer.slowest()).count(), " ms");
    CHECK(killer.slowest() < test::allowed(1s));
    daemon.stop_with(500);
  }
}

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

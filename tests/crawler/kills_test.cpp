// The crawler while its workers are killed, on one kind or on each of the list in turn:
//   test-crawler-kills [--kind=NAME] [doctest options]
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/conformance/conformance.hpp"
#include "tests/crawler/crawling.hpp"
#include "tests/support/pace.hpp"

using namespace std::chrono_literals;
using conformance::kind;
using crawler::Fate;
using crawler::Outcome;
using support::DaemonUnderTest;
using support::pages;
using support::PrivateDirectory;
using support::SiteProcess;
using support::Worker;
using support::workers_of;
using Clock = std::chrono::steady_clock;

namespace {

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

TEST_CASE("500 URLs survive a worker killed every 100 ms") {
  const SiteProcess site;
  // In memory, as $XDG_RUNTIME_DIR mostly is: on a disk, whoever else writes to it would count too.
  const PrivateDirectory directory("/dev/shm");
  DaemonUnderTest daemon({"--worker=" CRAWLER_WORKER_PROGRAM, "--workers=4", "--slots=4",
                          "--transport=" + std::string(kind().name)},
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
  MESSAGE(kind().name, ": ", killer.kills(), " kills, slowest hello after ",
          std::chrono::duration_cast<std::chrono::milliseconds>(killer.slowest()).count(), " ms");
  CHECK(killer.slowest() < test::allowed(1s));
  daemon.stop_with(500);
}

// The crawler-worker, with a test as its master, over every kind.
#include <signal.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/crawler/site_process.hpp"
#include "tests/crawler/worker_under_test.hpp"
#include "tests/site/pages.hpp"
#include "tests/support/guard.hpp"

using namespace std::chrono_literals;
using crawler::Fate;
using crawler::Limits;
using crawler::Page;
using support::Answer;
using support::page_in;
using support::SiteProcess;
using support::WorkerUnderTest;

namespace {

Limits quick_limits() {
  Limits limits;
  limits.per_host = limits.slots;
  limits.total_time = 5000ms;
  return limits;
}

/// Runs `body` as a sub-case for each kind.
template <class Body>
void with_each_kind(Body body) {
  for (const ipc::Kind* kind : ipc::kinds::all) {
    const std::string name(kind->name);
    SUBCASE(name.c_str()) {
      body(*kind);
    }
  }
}

void check_text(const Page& page, unsigned number) {
  const site::Page expected = site::page(number, 500);
  CAPTURE(number);
  CAPTURE(page.detail);
  CHECK(page.status == Fate::ok);
  CHECK(page.title == expected.title);
  CHECK(page.text.find(expected.marker) != std::string::npos);
  for (const std::string_view sentence : expected.sentences)
    CHECK(page.text.find(sentence) != std::string::npos);
  CHECK(page.text.find("not-text") == std::string::npos);
  CHECK(page.text.find("1 < 2 && 3 > 2") != std::string::npos);
}

}  // namespace

TEST_CASE_FIXTURE(test::Guard, "a worker introduces itself and answers each task with its text" *
                                   doctest::test_suite("each kind")) {
  with_each_kind([](const ipc::Kind& kind) {
    const SiteProcess site;
    WorkerUnderTest worker(kind, quick_limits());
    const crawler::Hello hello = worker.meet();
    CHECK(hello.pid == worker.child().pid());
    CHECK(hello.slots == Limits().slots);
    constexpr unsigned pages = 63;  // each variant three times, in rounds of as many as fit
    for (unsigned first = 1; first <= pages; first += 16) {
      std::set<unsigned> asked;
      for (unsigned number = first; number < first + 16 && number <= pages; ++number) {
        worker.send_task(1000 + number, site.url("/page/" + std::to_string(number)),
                         number % 3 + 1);
        asked.insert(number);
      }
      while (!asked.empty()) {
        const std::optional<Answer> answer = worker.receive();
        REQUIRE(answer);
        const auto number = static_cast<unsigned>(answer->envelope.task - 1000);
        CHECK(asked.erase(number) == 1);
        CHECK(answer->envelope.slot == 2);
        CHECK(answer->envelope.generation == 7);
        CHECK(answer->envelope.attempt == number % 3 + 1);
        check_text(page_in(*answer), number);
      }
    }
    CHECK(!worker.receive(100ms));
    worker.send(worker.envelope(pool::Type::stop));
    const auto exit = worker.wait(1s);
    REQUIRE(exit);
    CHECK(!exit->is_failure());
  });
}

TEST_CASE_FIXTURE(test::Guard,
                  "a page that fails is answered with its word, its status and where") {
  const SiteProcess site;
  WorkerUnderTest worker(ipc::kinds::fifo, quick_limits());
  worker.meet();
  const auto ask = [&](const std::string& url) {
    worker.send_task(1, url);
    const std::optional<Answer> answer = worker.receive();
    REQUIRE(answer);
    return page_in(*answer);
  };
  const Page missing = ask(site.url("/hostile/status/404"));
  CHECK(missing.status == Fate::failed);
  CHECK(missing.error == "http-404");
  CHECK(missing.http_status == 404);
  CHECK(missing.final_url == "");
  CHECK(ask(site.url("/hostile/redirect-to?url=/hostile/binary/pdf")).final_url ==
        site.url("/hostile/binary/pdf"));
  CHECK(ask("gopher://x/").error == "refused-scheme");
  CHECK(ask("").error == "bad-url");
  CHECK(ask(std::string("\0\xff\n", 3)).error == "bad-url");
  CHECK(ask(site.url("/hostile/huge?mib=50")).error == "too-large");
  CHECK(ask(site.url("/hostile/huge?mib=9")).error == "text-too-large");
  CHECK(ask(site.url("/page/1")).error == "");
  worker.send(worker.envelope(pool::Type::stop));
  CHECK(worker.wait(1s));
}

TEST_CASE_FIXTURE(test::Guard,
                  "megabytes of text arrive whole" * doctest::test_suite("each kind")) {
  with_each_kind([](const ipc::Kind& kind) {
    const SiteProcess site;
    WorkerUnderTest worker(kind, quick_limits());
    worker.meet();
    const std::size_t mib = 7;
    worker.send_task(1, site.url("/hostile/huge?mib=" + std::to_string(mib)));
    const std::optional<Answer> answer = worker.receive(120s);  // 300,000 signals on a busy machine
    REQUIRE(answer);
    const Page page = page_in(*answer);
    CHECK(page.error == "");
    CHECK(page.text.size() > mib * 900'000);
    const std::string line = "a page that would be a library";
    std::size_t found = 0;
    for (std::size_t at = page.text.find(line); at != page.text.npos;
         at = page.text.find(line, at + line.size()))
      ++found;
    CHECK(found >= (mib << 20) / (line.size() + 4) - mib);  // a few are cut where the blocks meet
    worker.send(worker.envelope(pool::Type::stop));
    CHECK(worker.wait(1s));
  });
}

TEST_CASE_FIXTURE(test::Guard, "a master that reads nothing stops no download" *
                                   doctest::test_suite("each kind")) {
  with_each_kind([](const ipc::Kind& kind) {
    const SiteProcess site;
    WorkerUnderTest worker(kind, quick_limits());
    worker.meet();
    // The first answers are far larger than the channel; the other pages come while they wait.
    for (std::uint64_t task = 1; task <= 4; ++task)
      worker.send_task(task, site.url("/hostile/huge?mib=2"));
    for (std::uint64_t task = 5; task <= 16; ++task)
      worker.send_task(task, site.url("/page/" + std::to_string(task) + "?delay=300"));
    const ipc::Deadline deadline = ipc::Deadline::after(30s);
    // The site's counters show when everything was downloaded although nothing was read.
    const auto is_done = [&site] {
      const boost::json::object stats = site.stats();
      return stats.at("requests").as_int64() == 16 && stats.at("parallel").as_int64() == 0;
    };
    while (!is_done() && !deadline.expired()) std::this_thread::sleep_for(5ms);
    CHECK(is_done());
    std::set<std::uint64_t> answered;
    while (answered.size() < 16) {
      const std::optional<Answer> answer = worker.receive(60s);
      REQUIRE(answer);
      CHECK(page_in(*answer).error == "");
      CHECK(answered.insert(answer->envelope.task).second);
    }
    worker.send(worker.envelope(pool::Type::stop));
    CHECK(worker.wait(1s));
  });
}

TEST_CASE_FIXTURE(test::Guard, "what is not for a worker is dropped, and it works on") {
  const SiteProcess site;
  WorkerUnderTest worker(ipc::kinds::fifo, quick_limits());
  worker.meet();
  worker.send_raw(pool::as_bytes("no envelope at all"));
  worker.send_raw({});
  pool::Envelope task = worker.envelope(pool::Type::task);
  const std::string url = site.url("/page/1");
  task.task = 5;
  task.attempt = 1;
  task.body = pool::as_bytes(url);
  pool::Envelope other_run = task;
  other_run.run ^= 1;
  worker.send(other_run);
  pool::Envelope other_life = task;
  other_life.generation = 6;
  worker.send(other_life);
  pool::Envelope other_slot = task;
  other_slot.slot = 3;
  worker.send(other_slot);
  worker.send(worker.envelope(pool::Type::pong));
  CHECK(!worker.receive(300ms));
  worker.send(task);
  CHECK(worker.receive());
  CHECK(site.stats().at("requests").as_int64() == 1);
  worker.send(worker.envelope(pool::Type::stop));
  CHECK(worker.wait(1s));
}

TEST_CASE_FIXTURE(test::Guard,
                  "a worker of a daemon ignores signals that are meant for its master") {
  WorkerUnderTest worker(ipc::kinds::fifo, quick_limits());
  worker.meet();
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) {
    CHECK(worker.child().signal(number));
    CHECK(worker.answers_ping());
  }
  worker.send(worker.envelope(pool::Type::stop));
  CHECK(worker.wait(1s));
}

TEST_CASE_FIXTURE(test::Guard, "a worker ends with its lifeline, in the middle of its work" *
                                   doctest::test_suite("each kind")) {
  with_each_kind([](const ipc::Kind& kind) {
    const SiteProcess site;
    WorkerUnderTest worker(kind, quick_limits());
    worker.meet();
    for (std::uint64_t task = 1; task <= 10; ++task)
      worker.send_task(task, site.url("/hostile/silence"));
    CHECK(worker.answers_ping());
    worker.drop_lifeline();
    const auto exit = worker.wait(1s);
    REQUIRE(exit);
    CHECK(!exit->is_failure());
  });
}

TEST_CASE_FIXTURE(test::Guard, "a worker that joined by hand ends when its master's inbox is gone" *
                                   doctest::test_suite("each kind")) {
  // It takes two seconds of silence: all wait at once, not one after the other.
  std::vector<std::unique_ptr<WorkerUnderTest>> workers;
  for (const ipc::Kind* kind : ipc::kinds::all) {
    CAPTURE(kind->name);
    auto& worker =
        *workers.emplace_back(std::make_unique<WorkerUnderTest>(*kind, quick_limits(), true));
    const crawler::Hello hello = worker.meet();
    CHECK(hello.slots == Limits().slots);
    CHECK(worker.answers_ping());  // it takes slot and generation from the ping
  }
  for (auto& worker : workers) worker->drop_inbox();
  for (std::size_t i = 0; i != workers.size(); ++i) {
    CAPTURE(ipc::kinds::all[i]->name);
    const auto exit = workers[i]->wait(4s);
    REQUIRE(exit);
    CHECK(!exit->is_failure());
  }
}

TEST_CASE_FIXTURE(test::Guard, "a worker that joined by hand ends well by Ctrl-C") {
  WorkerUnderTest worker(ipc::kinds::fifo, quick_limits(), true);
  worker.meet();
  CHECK(worker.answers_ping());
  CHECK(worker.child().signal(SIGINT));
  const auto exit = worker.wait(1s);
  REQUIRE(exit);
  CHECK(!exit->is_failure());
}

// The daemon from outside: how URLs are shared out among its workers and come back as pages.
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
using support::urls;
using namespace std::chrono_literals;

TEST_CASE("nine URLs go round three workers" * doctest::test_suite("each kind")) {
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
  list[0] = "http://fake/1/ok?ms=60000";
  auto client = daemon.client();
  std::string body;
  for (const auto& url : list) body += url + "\n";
  client.request("POST", "/crawl", body);
  REQUIRE(client.receive_head().status == 200);
  for (int line = 0; line != 8; ++line) {
    const auto outcome = crawler::read_line(client.line(true));
    REQUIRE(outcome);
    CHECK(outcome.value->worker != 1);
  }
  // The first page still is where it was.
  const auto tasks = daemon.status().at("workers").as_array()[0].at("tasks").as_array();
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].at("url") == "http://fake/1/ok?ms=60000");
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

TEST_CASE("large answers come whole over each transport" * doctest::test_suite("each kind")) {
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
  const auto downloaded = [](const boost::json::object& status) {
    return status.at("downloaded").to_number<std::uint64_t>();
  };
  std::uint64_t held = 0;
  const auto has_stopped = [&] {
    const auto status = daemon.status();  // one for both: before it begins there is nothing, too
    held = downloaded(status);
    return status.at("in_flight") == 0 && held != 0;
  };
  CHECK(eventually(has_stopped, 10s));
  // 1 MiB unread stops it, but for what both workers had by then.
  CHECK(held <= 20);
  CHECK(count_of(daemon.crawl(urls(50, "/ok")), Fate::ok) == 50);
  CHECK(downloaded(daemon.status()) == held + 50);
  // It goes on as soon as it reads.
  REQUIRE(lazy.receive_head().status == 200);
  for (int line = 0; line != 60; ++line) REQUIRE_FALSE(lazy.line(true).empty());
  CHECK(downloaded(daemon.status()) > held + 50);
}

TEST_CASE("what does not fit into a stopped worker's inbox waits, and gets there later" *
          doctest::test_suite("each kind")) {
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

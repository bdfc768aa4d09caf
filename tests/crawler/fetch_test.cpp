// Downloads from the demo site, many at a time: whole, in turn, and in nobody's way.
#include <unistd.h>

#include <array>
#include <set>

#include <doctest/doctest.h>

#include "tests/crawler/fetch_fixture.hpp"
#include "tests/crawler/name_service.hpp"

using namespace fetch_test;

TEST_CASE("pages come whole, packed with gzip or with br, over one connection if it must be one") {
  const SiteProcess site(42);
  Limits limits = small_limits();
  limits.per_host = 1;
  Fetcher fetcher(limits);
  std::vector<std::string> urls;
  for (unsigned number = 1; number <= 42; ++number)
    urls.push_back(site.url("/page/" + std::to_string(number)));
  const auto results = fetch_all(fetcher, urls);
  for (unsigned number = 1; number <= 42; ++number) {
    CAPTURE(number);
    const site::Page page = site::page(number, 42);
    const Fetched& result = results.at(site.url("/page/" + std::to_string(number)));
    CHECK(result.error == "");
    CHECK(result.body == page.body);
    CHECK(result.content_type == page.content_type);
    CHECK(result.http_status == 200);
  }
  const auto stats = site.stats();
  CHECK(stats.at("max_parallel").as_int64() == 1);
  CHECK(stats.at("connections").as_int64() == 2);  // the second is the one that asks for /stats
}

TEST_CASE("hundreds of slow pages are fetched side by side, but never more than per_host") {
  const SiteProcess site(300);
  std::vector<std::string> urls;
  for (unsigned number = 1; number <= 300; ++number)
    urls.push_back(site.url("/page/" + std::to_string(number) + "?together=150"));
  Limits limits = small_limits();
  limits.slots = 300;
  limits.per_host = 150;
  limits.first_byte_time = limits.total_time = 20s;  // for what would never be 150
  Fetcher fetcher(limits);
  // The site answers none before it has 150 before it.
  for (const auto& [url, result] : fetch_all(fetcher, urls)) CHECK(result.error == "");
  CHECK(site.stats().at("max_parallel").as_int64() == 150);
}

TEST_CASE("who waits for a turn at a busy host is not charged for the wait") {
  const SiteProcess site;
  Limits limits = small_limits();
  limits.per_host = 1;
  limits.total_time = 1600ms;
  limits.first_byte_time = 1500ms;
  limits.connect_time = 1200ms;
  std::vector<std::string> urls;
  for (unsigned number = 1; number <= 5; ++number)
    urls.push_back(site.url("/page/" + std::to_string(number) + "?delay=400"));
  Fetcher fetcher(limits);
  const auto begin = std::chrono::steady_clock::now();
  const auto results = fetch_all(fetcher, urls);
  const auto all_took = std::chrono::steady_clock::now() - begin;
  std::chrono::milliseconds charged{0};
  for (const auto& [url, result] : results) {
    CHECK(result.error == "");
    charged += result.took;
  }
  // One after the other: whatever a busy machine makes of it, turns do not overlap, waits would.
  CHECK(charged >= 5 * 400ms);
  CHECK(charged <= all_took);
  CHECK(all_took > limits.total_time);  // which the wait of the last would have used up
}

TEST_CASE("what follows a body that is longer than announced is nobody's answer") {
  const SiteProcess site;
  Limits limits = small_limits();
  limits.per_host = 1;
  Fetcher fetcher(limits);
  CHECK(fetch(fetcher, site.url("/hostile/length-too-short")).body == "<p>first");
  CHECK(fetch(fetcher, site.url("/page/5")).body == site::page(5, 500).body);
}

TEST_CASE("a name that is never found delays nobody else") {
  const SiteProcess site;
  const support::SilentNameService silence;
  {
    Limits limits = small_limits();
    limits.connect_time = 3000ms;
    Fetcher fetcher(limits);
    const std::vector<std::string> urls = {"http://never.test/1", "http://never.test/2",
                                           site.url("/page/1"), site.url("/page/2")};
    for (std::size_t i = 0; i < urls.size(); ++i) fetcher.start(i, urls[i]);
    const ipc::Deadline deadline = ipc::Deadline::after(30s);
    std::vector<std::string> words;
    while (words.size() < urls.size() && !deadline.expired()) {
      fetcher.wait({}, deadline);
      while (const std::optional<Fetched> fetched = fetcher.next()) {
        words.push_back(fetched->error);
        if (fetched->error.empty()) CHECK(fetched->took < test::allowed(300ms));
      }
    }
    CHECK(words == std::vector<std::string>{"", "", "connect-timeout", "connect-timeout"});
  }
  // Here the look-ups still go on: the fetcher's end has not waited for them.
  CHECK(silence.waiting() > 0);
}

TEST_CASE("a descriptor of the caller's ends the wait while downloads go on") {
  const SiteProcess site;
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  Limits limits = small_limits();
  limits.first_byte_time = limits.total_time = 20s;
  Fetcher fetcher(limits);
  fetcher.start(1, site.url("/page/1?together=2"));  // goes on until there is a second

  std::array watched{crawler::Watched{ends[0]}};
  fetcher.wait(watched, ipc::Deadline::after(50ms));
  CHECK(!watched[0].readable);
  CHECK(!fetcher.next());

  REQUIRE(::write(ends[1], "x", 1) == 1);
  const auto begin = std::chrono::steady_clock::now();
  fetcher.wait(watched, ipc::Deadline::after(10s));
  CHECK(watched[0].readable);
  CHECK(std::chrono::steady_clock::now() - begin < test::allowed(200ms));
  CHECK(fetcher.underway() == 1);
  CHECK(!fetcher.next());

  fetcher.start(2, site.url("/page/2?together=2"));
  std::set<std::uint64_t> done;
  for (const ipc::Deadline deadline = ipc::Deadline::after(30s);
       done.size() < 2 && !deadline.expired();) {
    fetcher.wait({}, deadline);
    while (const std::optional<Fetched> fetched = fetcher.next()) {
      CHECK(fetched->error == "");
      done.insert(fetched->id);
    }
  }
  CHECK(done == std::set<std::uint64_t>{1, 2});
  char taken = 0;
  REQUIRE(::read(ends[0], &taken, 1) == 1);

  ::close(ends[1]);  // the end of a pipe counts as well
  fetcher.wait(watched, ipc::Deadline::after(10s));
  CHECK(watched[0].readable);
  ::close(ends[0]);
}

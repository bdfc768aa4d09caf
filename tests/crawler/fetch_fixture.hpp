// What the tests of fetch share: small limits, and all of some pages at once.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tests/crawler/site_process.hpp"
#include "tests/site/pages.hpp"
#include "tests/support/pace.hpp"
#include "tools/crawler/fetch.hpp"

namespace fetch_test {

using namespace std::chrono_literals;
using crawler::Fetched;
using crawler::Fetcher;
using crawler::Limits;
using support::SiteProcess;

/// Small ones, so that each is reached soon; well apart, so that each is told from the others.
inline Limits small_limits() {
  Limits limits;
  limits.slots = limits.per_host = 100;
  limits.redirects = 3;
  limits.url_length = 4096;
  limits.max_body = 1 << 20;
  limits.low_speed = 100;
  limits.low_speed_time = 1000ms;
  limits.connect_time = 1000ms;
  limits.first_byte_time = 2000ms;
  limits.total_time = 8000ms;
  return limits;
}

inline std::map<std::string, Fetched> fetch_all(Fetcher& fetcher,
                                                const std::vector<std::string>& urls) {
  for (std::size_t i = 0; i < urls.size(); ++i) fetcher.start(i, urls[i]);
  std::map<std::string, Fetched> results;
  const ipc::Deadline deadline = ipc::Deadline::after(30s);
  while (fetcher.underway() > 0 && !deadline.expired()) {
    fetcher.wait({}, deadline);
    while (std::optional<Fetched> fetched = fetcher.next())
      results[urls[fetched->id]] = std::move(*fetched);
  }
  REQUIRE(fetcher.underway() == 0);
  return results;
}

inline Fetched fetch(Fetcher& fetcher, const std::string& url) {
  return fetch_all(fetcher, {url}).at(url);
}

inline Fetched fetch(const Limits& limits, const std::string& url) {
  Fetcher fetcher(limits);
  return fetch(fetcher, url);
}

}  // namespace fetch_test

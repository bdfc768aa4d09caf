// What the tests of fetch share: small limits, and all of some pages at once.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tools/crawler/fetch.hpp"

namespace support {

/// Small ones, so that each is reached soon; well apart, so that each is told from the others.
inline crawler::Limits small_limits() {
  crawler::Limits limits;
  limits.slots = limits.per_host = 100;
  limits.redirects = 3;
  limits.url_length = 4096;
  limits.max_body = 1 << 20;
  limits.low_speed = 100;
  limits.low_speed_time = std::chrono::milliseconds(1000);
  limits.connect_time = std::chrono::milliseconds(1000);
  limits.first_byte_time = std::chrono::milliseconds(2000);
  limits.total_time = std::chrono::milliseconds(8000);
  return limits;
}

inline std::map<std::string, crawler::Fetched> fetch_all(crawler::Fetcher& fetcher,
                                                         const std::vector<std::string>& urls) {
  for (std::size_t i = 0; i < urls.size(); ++i) fetcher.start(i, urls[i]);
  std::map<std::string, crawler::Fetched> results;
  const ipc::Deadline deadline = ipc::Deadline::after(std::chrono::seconds(30));
  while (fetcher.underway() > 0 && !deadline.expired()) {
    fetcher.wait({}, deadline);
    while (std::optional<crawler::Fetched> fetched = fetcher.next())
      results[urls[fetched->id]] = std::move(*fetched);
  }
  REQUIRE(fetcher.underway() == 0);
  return results;
}

inline crawler::Fetched fetch(crawler::Fetcher& fetcher, const std::string& url) {
  return fetch_all(fetcher, {url}).at(url);
}

inline crawler::Fetched fetch(const crawler::Limits& limits, const std::string& url) {
  crawler::Fetcher fetcher(limits);
  return fetch(fetcher, url);
}

}  // namespace support

// What the tests of the daemon ask it for, and how they look at what comes. Its workers are fake ones
// (fake_worker.cpp), so that they can be told how to behave.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/crawler/daemon_under_test.hpp"

namespace support {

/// http://fake/1PATH, http://fake/2PATH, …
inline std::vector<std::string> urls(std::size_t count, const std::string& path) {
  std::vector<std::string> list;
  for (std::size_t number = 1; number <= count; ++number)
    list.push_back("http://fake/" + std::to_string(number) + path);
  return list;
}

inline std::size_t count_of(const std::vector<crawler::Outcome>& outcomes, crawler::Fate fate) {
  return static_cast<std::size_t>(
      std::count_if(outcomes.begin(), outcomes.end(),
                    [&](const crawler::Outcome& each) { return each.page.status == fate; }));
}

inline const crawler::Outcome& about(const std::vector<crawler::Outcome>& outcomes,
                                     const std::string& url) {
  const auto found = std::find_if(outcomes.begin(), outcomes.end(),
                                  [&](const crawler::Outcome& each) { return each.url == url; });
  REQUIRE(found != outcomes.end());
  return *found;
}

inline std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t count = 0;
  for (auto at = text.find(of); at != text.npos; at = text.find(of, at + 1)) ++count;
  return count;
}

}  // namespace support

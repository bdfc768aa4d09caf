// A daemon with real workers, as the tests look at it from outside.
#pragma once

#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include "tests/crawler/daemon_under_test.hpp"
#include "tests/crawler/site_process.hpp"

namespace support {

/// URLs of so many pages of the site, each of which takes `delay` milliseconds.
inline std::vector<std::string> pages(const SiteProcess& site, unsigned count, unsigned delay) {
  std::vector<std::string> urls;
  for (unsigned page = 1; page <= count; ++page)
    urls.push_back(site.url("/page/" + std::to_string(page) + "?delay=" + std::to_string(delay)));
  return urls;
}

/// A worker, as the daemon's status shows it.
struct Worker {
  int slot, generation;
  pid_t pid;
  bool is_ready;
};
inline std::vector<Worker> workers_of(const DaemonUnderTest& daemon) {
  std::vector<Worker> workers;
  const auto status = daemon.status();
  for (const auto& each : status.at("workers").as_array())
    workers.push_back({each.at("slot").to_number<int>(), each.at("generation").to_number<int>(),
                       each.at("pid").to_number<pid_t>(), is_ready(each)});
  return workers;
}

}  // namespace support

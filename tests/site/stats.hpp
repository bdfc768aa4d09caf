// What the demo site saw, so that a test can prove what a crawler did: /stats shows it as JSON.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

namespace site {

/// Counts requests; each is under way from begin() until the object that it returned ends.
class Stats {
 public:
  class Underway {
   public:
    explicit Underway(Stats& stats) : stats_(stats) {
      stats_.most_ = std::max(stats_.most_, ++stats_.now_);
    }
    ~Underway() { --stats_.now_; }
    Underway(const Underway&) = delete;
    Underway& operator=(const Underway&) = delete;

   private:
    Stats& stats_;
  };

  void connected() { ++connections_; }
  [[nodiscard]] Underway begin(const std::string& path);

  /// {"requests", "connections", "parallel", "max_parallel", "paths": {"/page/1": 2, ...}}
  std::string json() const;

 private:
  std::size_t requests_ = 0;
  std::size_t connections_ = 0;
  std::size_t now_ = 0;
  std::size_t most_ = 0;
  std::map<std::string, std::size_t> paths_;
};

}  // namespace site

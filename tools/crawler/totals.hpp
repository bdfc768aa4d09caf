// How many URLs ended in which way, over the whole life of a daemon.
#pragma once

#include <cstdint>
#include <string>

#include "tools/crawler/protocol.hpp"

namespace crawler {

struct Totals {
  std::uint64_t downloaded = 0, failed = 0, pending = 0;
  void count(Fate fate);
  /// "Downloaded URLs: 500 (0 failed, 0 pending)"
  std::string line() const;
};

}  // namespace crawler

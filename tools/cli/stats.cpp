#include "tools/cli/stats.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tools {

void Stats::count(std::size_t bytes) {
  if (messages_ == 0) first_ = Clock::now();
  ++messages_;
  bytes_ += bytes;
}

std::string Stats::sentence() const {
  if (messages_ == 0) return "no messages";
  const double seconds =
      std::max(1e-9, std::chrono::duration<double>(Clock::now() - first_).count());
  std::array<char, 200> text{};
  std::snprintf(
      text.data(), text.size(), "%llu messages, %llu bytes in %.3f s: %.0f messages/s, %.1f MB/s",
      static_cast<unsigned long long>(messages_), static_cast<unsigned long long>(bytes_), seconds,
      static_cast<double>(messages_) / seconds, static_cast<double>(bytes_) / seconds / 1e6);
  return text.data();
}

}  // namespace tools

// What a worker may do to fetch one page, and how much of everything. One table describes all of
// it: the configuration file, the options of crawlerd and of crawler-worker, and the command line
// that the one starts the other with are made from it, so that a limit is added in one place.
//
// Plain values; pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/crawler/settings.hpp"
#include "tools/crawler/url.hpp"

namespace crawler {

struct Limits {
  std::uint64_t slots = 16;            ///< Downloads at once in one worker.
  std::uint64_t per_host = 6;          ///< Connections to one host at once in one worker.
  std::uint64_t redirects = 5;         ///< Followed for one page.
  std::uint64_t url_length = max_url;  ///< Bytes.
  std::uint64_t max_body = std::uint64_t{16} << 20;  ///< Bytes of a page, decompressed.
  std::uint64_t max_text = std::uint64_t{8} << 20;   ///< Bytes of its text, as UTF-8.
  std::uint64_t low_speed = 1;  ///< Bytes per second; slower for low_speed_time is a failure.
  Milliseconds low_speed_time{10'000};
  Milliseconds connect_time{5'000};      ///< Until connected, name look-up and TLS included.
  Milliseconds first_byte_time{15'000};  ///< From there to the first byte of the answer.
  Milliseconds total_time{30'000};       ///< For one page with all its redirects.
  bool private_addresses = true;         ///< Whether hosts at private addresses may be fetched.
  /// HOST:PORT that may be fetched although private_addresses is false.
  std::vector<std::string> allow_hosts{};
  std::string user_agent = "ipcways-crawler/0.1";
};

using Limit = Setting<Limits>;
std::span<const Limit> limits_table();

/// "--max-body", for the limit max_body.
inline std::string option_name(const Limit& limit) {
  return option_of(limit.key);
}
/// The value as set_limit() reads it.
inline std::string limit_text(const Limits& limits, const Limit& limit) {
  return setting_text(limits, limit);
}
/// Sets it from text. Returns what is wrong with it, or "".
inline std::string set_limit(Limits& limits, const Limit& limit, std::string_view text) {
  return set_setting(limits, limit, text);
}

/// Every limit as an option with its value, for crawler-worker's command line.
std::vector<std::string> limit_arguments(const Limits&);

}  // namespace crawler

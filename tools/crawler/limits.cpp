#include "tools/crawler/limits.hpp"

#include <array>

namespace crawler {
namespace {

constexpr std::uint64_t mebi = std::uint64_t{1} << 20;
constexpr std::uint64_t hour = 3'600'000;  // in milliseconds

constexpr std::array table{
    Limit{"slots", &Limits::slots, 1, 1024, "N", "downloads at once in one worker"},
    Limit{"per_host", &Limits::per_host, 1, 1024, "N",
          "connections to one host at once in one worker"},
    Limit{"redirects", &Limits::redirects, 0, 100, "N", "redirects followed for one page"},
    Limit{"url_length", &Limits::url_length, 16, max_url, "BYTES", "bytes of a URL"},
    // A result carries the text, and a message of any kind carries 16 MiB at the most.
    Limit{"max_body", &Limits::max_body, 1, 1024 * mebi, "BYTES", "bytes of a page, decompressed"},
    Limit{"max_text", &Limits::max_text, 1, 15 * mebi, "BYTES", "bytes of a page's text, as UTF-8"},
    Limit{"low_speed", &Limits::low_speed, 0, 1024 * mebi, "BYTES",
          "bytes per second; slower is a failure"},
    Limit{"low_speed_time", &Limits::low_speed_time, 1000, hour, "SECONDS",
          "seconds of low speed allowed"},
    Limit{"connect_time", &Limits::connect_time, 1, hour, "SECONDS", "seconds to connect"},
    Limit{"first_byte_time", &Limits::first_byte_time, 1, hour, "SECONDS",
          "seconds from there to an answer"},
    Limit{"total_time", &Limits::total_time, 1, hour, "SECONDS", "seconds for one page in all"},
    Limit{"private_addresses", &Limits::private_addresses, 0, 0, "true|false",
          "whether hosts at private addresses may be fetched"},
    Limit{"allow_hosts", &Limits::allow_hosts, 0, 0, "HOST:PORT,...",
          "HOST:PORT fetched although private"},
    Limit{"user_agent", &Limits::user_agent, 0, 0, "NAME", "how a worker presents itself"},
};

}  // namespace

std::span<const Limit> limits_table() {
  return table;
}

std::vector<std::string> limit_arguments(const Limits& limits) {
  std::vector<std::string> arguments;
  for (const Limit& limit : table) {
    // One word each, so that an empty value or one with a leading '-' stays a value.
    arguments.push_back(option_name(limit) + "=" + limit_text(limits, limit));
  }
  return arguments;
}

}  // namespace crawler

// Everything that can be configured about a daemon, from where, and in which order.
//
// Defaults, then the configuration file (TOML; crawlerd.toml shows every key), then the command
// line. All of it is read anew on SIGHUP. A key that is unknown, of the wrong type or out of its
// range is refused with its line: a limit that is silently not in force is worse than no daemon.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tools/crawler/limits.hpp"

namespace crawler {

struct Config {
  std::uint64_t workers = 4;
  std::string transport = "fifo";
  std::string socket;         ///< A path; "": default_socket().
  std::string listen;         ///< HOST:PORT on loopback; "": no TCP.
  std::string worker;         ///< The worker's program; "": crawler-worker beside this program.
  std::string run_directory;  ///< A path; "": default_runs().
  std::string log = "info";   ///< debug, info, warn or error.

  Milliseconds grace{10'000};         ///< What tasks in flight get to finish when the daemon stops.
  Milliseconds flush_time{2'000};     ///< What clients then get to read their answers.
  Milliseconds task_time{0};          ///< A worker without an answer for so long hangs; 0: derived.
  Milliseconds hello_time{5'000};     ///< A worker must say hello within this.
  Milliseconds first_pause{100};      ///< Before a slot is tried again; doubled with each death …
  Milliseconds longest_pause{5'000};  ///< … up to this.
  std::uint64_t storm_deaths =
      10;  ///< So many deaths before a hello in storm_time stop the daemon.
  Milliseconds storm_time{60'000};
  std::uint64_t charges = 3;    ///< So many workers may crash over one URL.
  std::uint64_t attempts = 50;  ///< So many workers may die with it for any reason.

  std::uint64_t max_urls = 100'000;                     ///< In one request.
  std::uint64_t max_request = std::uint64_t{16} << 20;  ///< Bytes of one request's body.
  std::uint64_t max_unsent = std::uint64_t{1} << 20;    ///< Bytes unread by a client that pause it.
  Milliseconds request_time{30'000};                    ///< In which a request must arrive whole.

  Limits limits;

  /// task_time, or from the limits: the time of one page, for as many rounds as slots wait for one
  /// host's connections, and half a minute more.
  Milliseconds effective_task_time() const;
};

using ConfigKey = Setting<Config>;
std::span<const ConfigKey> config_table();

/// One sentence, with FILE:LINE where it is about a file.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ConfigSource {
  std::optional<std::string> file;
  /// From the command line: key and value, of the Config or its Limits.
  std::vector<std::pair<std::string, std::string>> overrides;
};

/// Throws ConfigError.
Config load_config(const ConfigSource& source);

/// HOST:PORT as it is listened on; HOST is a loopback address or localhost. Throws ConfigError.
struct Endpoint {
  std::string host;  ///< "127.0.0.1", "::1" …
  std::uint16_t port;
};
Endpoint parse_endpoint(const std::string& text);

}  // namespace crawler

// The client: has a list of URLs done by a daemon, and writes down what comes.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "tools/crawler/page_output.hpp"
#include "tools/crawler/url_list.hpp"

namespace crawler {

/// How a client ended, as exit codes.
enum class Ending {
  done = 0,  ///< All pages are there.
  pages_failed = 1,
  daemon_gone = 3,
  timed_out = 4,
};

/// What came of it, for the program to act on.
struct Finished {
  Ending ending = Ending::done;
  std::optional<int> signal;      ///< It was asked to end by this one.
  bool is_output_closed = false;  ///< Nobody reads the output any more.
};

/// Lists are cut into requests of at most 1,000 URLs, two of which are under way at a time, so that
/// the daemon always has work and never the whole list; in shorter ones if that is too many for it.
/// Pages are written as they come; what failed is told on stderr, a line each. INT, TERM and HUP,
/// unless they are ignored, end it between two writes. Throws NoDaemon, std::system_error.
Finished crawl(const std::string& socket_path, UrlList& urls, PageOutput& output,
               std::optional<std::chrono::milliseconds> timeout);

/// Whether a daemon listens there.
bool is_answered(const std::string& socket_path);

/// Tells the daemon to stop, as kill -USR1 does, and returns its total once it has stopped. Throws
/// NoDaemon, DaemonGone, std::system_error.
std::string stop_daemon(const std::string& socket_path);

}  // namespace crawler

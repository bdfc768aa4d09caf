// Downloads pages over HTTP and HTTPS, many at a time, each within limits.
//
// A Fetcher is a loop that its caller turns: wait() moves every download on, and watches the
// caller's own descriptors meanwhile. Each way in which a page can fail has a word of its own:
//
//   bad-url             malformed, or no host
//   url-too-long        longer than url_length, also after a redirect
//   refused-scheme      neither http nor https, also after a redirect
//   private-address     the address connected to is not public, and private_addresses is off
//   dns                 the name has no address, or the look-up failed
//   connect             refused, unreachable
//   connect-timeout     not connected (name look-up and TLS included) within connect_time
//   tls                 no secure connection: certificate, protocol
//   first-byte-timeout  no byte of an answer within first_byte_time
//   too-slow            less than low_speed bytes per second throughout low_speed_time
//   timeout             not done within total_time, redirects included
//   redirects           more redirects than allowed, or one without a target
//   too-large           more than max_body bytes after decompression, or endless headers
//   bad-encoding        the compression is broken or unknown
//   reset               the connection broke
//   truncated           closed before the announced end
//   no-answer           closed without a byte of an answer
//   not-http            an answer, but not in HTTP
//   binary              not text, by its type or by its first bytes
//   http-404 …          an answer, whose status is not a success
//   failed              anything else; the detail says what
//
// How the time to the first byte is measured: it begins when the request is handed to the
// connection, which libcurl reports after connecting and TLS (CURLOPT_PREREQFUNCTION; for a reused
// connection at once), and ends with the first byte of the status line, be it only one. From there
// on the low-speed limit holds: in each span of low_speed_time at least low_speed bytes per second
// must arrive on the average. Each redirect is a request of its own for all limits but total_time.
//
// At most per_host downloads go to one host and port at a time; others wait, and their total_time
// begins only with their turn. Redirects are followed here, not by libcurl, so that each target
// passes the same checks as the first URL. Proxies from the environment are not used: the checks
// are about the server's own address.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "ipc/sys/deadline.hpp"
#include "tools/crawler/limits.hpp"

namespace crawler {

/// What came of one download.
struct Fetched {
  std::uint64_t id = 0;
  std::string error;              ///< A word of the list above, or "" for success.
  std::string detail;             ///< With an error: one line for people.
  std::string url;                ///< The last one asked for, normalised.
  bool is_redirected = false;     ///< Whether it came by a redirect.
  std::uint64_t http_status = 0;  ///< Of the last answer, 0 if there was none.
  std::string content_type;       ///< As sent; "" if none.
  std::string body;               ///< Decompressed; only with success.
  std::optional<std::chrono::seconds> retry_after;  ///< As the server asked with its failure.
  std::chrono::milliseconds took{0};                ///< Since its turn came.
};

/// A descriptor of the caller's that wait() watches.
struct Watched {
  int fd = -1;
  bool readable = false;  ///< Set by wait(): readable, at its end, or broken.
};

/// Used by one thread. The process must ignore SIGPIPE, which TLS may raise.
class Fetcher {
 public:
  explicit Fetcher(const Limits& limits);
  ~Fetcher();  ///< Drops the downloads under way.
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// Begins a download, or fails it at once; either way next() gives the result. `id` is the
  /// caller's and comes back with it.
  void start(std::uint64_t id, const std::string& url);

  /// Drives the downloads until one is done, a watched descriptor is readable, or the deadline
  /// passes.
  void wait(std::span<Watched> watched, ipc::Deadline deadline);

  /// A finished download, the first one first.
  std::optional<Fetched> next();

  /// Downloads begun whose results next() has not given yet.
  std::size_t underway() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace crawler

// The way in: HTTP/1.1 on a Unix socket, and on loopback TCP if asked.
//
//     GET  /text?url=URL   the page's text; 502 and the reason if it could not be had
//     POST /crawl          one URL per line; the answer is one line of JSON per page
//                          (protocol.hpp), as each is done
//     GET  /status         what goes on, as JSON
//     GET  /total          ends with the daemon: the header comes at once, the total when it stops
//     GET  /               a page for people
//
// A connection that asks nothing costs a descriptor and some 2 KiB, and wakes nobody up. A client
// that does not read its answer slows its own requests only: the unread part counts against
// max_unsent (request.hpp).
//
// Here connections are accepted and counted; front_door_routes says what is answered, and
// http_connection speaks HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "tools/crawler/config.hpp"
#include "tools/crawler/front_door_desk.hpp"

namespace crawler {

class SocketPath;

class FrontDoor {
 public:
  FrontDoor(boost::asio::any_io_executor executor, Desk desk, const Config& config);
  ~FrontDoor();
  FrontDoor(const FrontDoor&) = delete;
  FrontDoor& operator=(const FrontDoor&) = delete;

  /// Takes the path for a socket of mode 0600. A socket of a dead daemon is replaced. Throws
  /// ipc::Error: in_use, with the holder's pid, if a daemon lives there.
  void listen_unix(const std::string& path);
  /// Returns the port, which the system chose if the endpoint's is 0.
  std::uint16_t listen_tcp(const Endpoint& endpoint);

  /// New limits, for requests that begin after this.
  void reconfigure(const Config& config);

  /// Answers everybody who asked for the total, and later ones.
  void tell_total(const std::string& line);
  /// Calls `done` once all answers that were begun are written, or after `time`.
  void flush(Milliseconds time, std::function<void()> done);

  std::size_t connections() const;
  std::size_t requests() const;  ///< That are being read or answered.

 private:
  class Hall;
  std::unique_ptr<SocketPath> socket_;
  std::shared_ptr<Hall> hall_;  // shared with the connections' coroutines
};

}  // namespace crawler

// One client's connection as the demo site sees it: whole requests in, bytes out, at once or drop
// by drop. It speaks HTTP/1.1 (RFC 9112) itself, because a hostile server must be able to break
// each rule of it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace site {

struct Request {
  std::string method;
  std::string path;                            ///< Of the target, before `?`, not decoded.
  std::map<std::string, std::string> query;    ///< Decoded.
  std::map<std::string, std::string> headers;  ///< Names in lower case.
};

struct Response {
  int status = 200;
  std::string reason = "OK";
  std::string content_type;                                 ///< Empty: no such header.
  std::vector<std::pair<std::string, std::string>> more{};  ///< Further headers.
  std::string body{};
};

/// Used on the one thread of its io_context. A function that meets the client's end throws
/// boost::system::system_error; the connection is then to be dropped.
class Connection {
 public:
  explicit Connection(boost::asio::ip::tcp::socket socket);

  /// The next request, or nothing when the client closed between requests or sent what is no
  /// request.
  boost::asio::awaitable<std::optional<Request>> next();

  /// A sound answer with its Content-Length.
  boost::asio::awaitable<void> answer(Response response);

  boost::asio::awaitable<void> write(std::string_view bytes);
  boost::asio::awaitable<void> write_drop_by_drop(std::string_view bytes,
                                                  std::chrono::milliseconds pause);
  boost::asio::awaitable<void> pause(std::chrono::milliseconds span);
  /// Returns when the client closes; what it sends is thrown away.
  boost::asio::awaitable<void> until_client_leaves();

  /// Ends with a reset instead of an orderly close.
  void reset();

 private:
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::string unread_;
};

}  // namespace site

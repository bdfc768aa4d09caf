// One client's connection: requests of HTTP/1.1 and 1.0, one after the other, and their answers.
//
// While nothing comes it holds a descriptor and some 2 KiB: parser and buffer are there only while a
// request is read, so wait() and the reading are apart.
//
// Its source file is the only one of the daemon that knows Beast, which is slow to compile; nothing
// of it shows here.
//
// One thread, that of the socket's executor; one coroutine at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "tools/crawler/limits.hpp"

namespace crawler {

/// What of a request the front door looks at.
struct HttpRequest {
  enum class Method { get, post, other };
  Method method = Method::other;
  std::string target;
  std::string host, origin;  ///< These header fields; "" if there are none.
  std::string body;
};

/// An answer that is there as a whole.
struct HttpAnswer {
  unsigned status = 200;
  std::string body{};
  std::string type = "text/plain; charset=utf-8";
  std::string allow{};  ///< With 405: the method that is right.
};

/// The most that a client may ask of us.
struct HttpLimits {
  std::size_t max_body = 0;
  Milliseconds time{};  ///< From a request's first byte to its last.
};

class HttpConnection {
 public:
  // One kind of socket, Unix or TCP: each would compile Beast's templates again.
  using Socket = boost::asio::generic::stream_protocol::socket;
  template <class Value>
  using Awaitable = boost::asio::awaitable<Value>;

  explicit HttpConnection(Socket socket);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  /// Waits until there is something to read. False if that has failed.
  Awaitable<bool> wait();
  /// Reads a request up to the end of its header. False if the client has ended the connection
  /// instead. What is no request, or breaks a limit, is left to read_body() to refuse.
  Awaitable<bool> read_header(HttpLimits limits);
  /// Reads the rest. Nothing if there is no request to be answered: the client has been told why if
  /// it can be told, and the connection is to be closed.
  Awaitable<std::optional<HttpRequest>> read_body();

  // To the request that was read last. Each is false if no other request may follow: the client
  // has gone, or has asked for the connection's end.

  Awaitable<bool> write(HttpAnswer answer);
  /// An answer whose length nobody knows yet: begin(), put() each part, finish(). With begin() and
  /// put() false means that the client has gone.
  Awaitable<bool> begin(std::string_view type);
  Awaitable<bool> put(std::string_view part);
  Awaitable<bool> finish();

  /// Says goodbye.
  void close();

  /// Calls `gone` once when the client closes the connection, and never after the Watch's end. A
  /// client that only says that it will send no more (shutdown(2)) still reads.
  class Watch {
   public:
    Watch(HttpConnection& connection, std::function<void()> gone);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

   private:
    std::shared_ptr<std::function<void()>> gone_;
    boost::asio::cancellation_signal cancel_;
  };

 private:
  struct Wire;
  Awaitable<void> refuse(boost::system::error_code reason);
  const std::unique_ptr<Wire> wire_;
};

}  // namespace crawler

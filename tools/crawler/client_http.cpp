#include "tools/crawler/client_http.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <sstream>
#include <utility>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>

namespace crawler {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;
using Socket = asio::local::stream_protocol::socket;

asio::awaitable<Socket> connect(std::string path) {
  Socket socket(co_await asio::this_coro::executor);
  try {
    co_await socket.async_connect(asio::local::stream_protocol::endpoint(path), use_awaitable);
  } catch (const boost::system::system_error& error) {
    throw NoDaemon("connect " + path + ": " + error.code().message());
  }
  co_return socket;
}

/// One request and the pieces of its answer, as they come.
class Exchange {
 public:
  explicit Exchange(Socket socket) : socket_(std::move(socket)) {
    parser_.body_limit(boost::none);  // an answer is as long as its pages
  }

  asio::awaitable<void> ask(http::verb verb, std::string target, std::string body) {
    http::request<http::string_body> request(verb, target, 11);
    request.set(http::field::host, "localhost");
    request.keep_alive(false);
    request.body() = std::move(body);
    request.prepare_payload();
    // http::async_write() of the request would compile all of Asio's writing for Beast's buffers.
    std::ostringstream header;
    header << request.base();
    const std::string text = std::move(header).str() + request.body();
    co_await asio::async_write(socket_, asio::buffer(text), use_awaitable);
    co_await http::async_read_header(socket_, buffer_, parser_, use_awaitable);
  }

  bool is_success() const { return parser_.get().result() == http::status::ok; }

  bool is_too_long() const { return parser_.get().result() == http::status::payload_too_large; }

  /// The next piece of the body, valid until the next call; empty at its end.
  asio::awaitable<std::string_view> read() {
    while (!parser_.is_done()) {
      auto& body = parser_.get().body();
      body.data = piece_.data();
      body.size = piece_.size();
      boost::system::error_code error;
      // Some, not all: a page is to be seen when it is there, not when the piece is full.
      co_await http::async_read_some(socket_, buffer_, parser_,
                                     asio::redirect_error(use_awaitable, error));
      if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
      const std::size_t length = piece_.size() - body.size;
      if (length > 0) co_return std::string_view(piece_.data(), length);
    }
    co_return std::string_view();
  }

  asio::awaitable<std::string> read_all() {
    std::string all;
    for (;;) {
      const std::string_view piece = co_await read();
      if (piece.empty()) break;
      all += piece;
    }
    while (all.ends_with('\n')) all.pop_back();
    co_return all;
  }

  int fd() { return socket_.native_handle(); }

 private:
  Socket socket_;
  boost::beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::array<char, 64 << 10> piece_{};
};

asio::awaitable<void> refuse(Exchange& exchange) {
  std::string reason = co_await exchange.read_all();
  if (reason.empty()) reason = "the daemon refuses";
  if (exchange.is_too_long()) throw TooLong(reason);
  throw Refused(reason);
}

/// Cuts what comes into lines.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& each) : each_(each) {}
  void add(std::string_view piece) {
    for (;;) {
      const std::size_t end = piece.find('\n');
      if (end == piece.npos) break;
      if (begun_.empty()) {
        each_(piece.substr(0, end));
      } else {
        begun_ += piece.substr(0, end);
        each_(begun_);
        begun_.clear();
      }
      piece.remove_prefix(end + 1);
    }
    begun_ += piece;
  }
  bool is_complete() const { return begun_.empty(); }

 private:
  const std::function<void(std::string_view)>& each_;
  std::string begun_;
};

std::string joined(const std::vector<std::string>& urls) {
  std::string body;
  for (const std::string& url : urls) body += url + "\n";
  return body;
}

pid_t pid_of_listener(int socket) {
  // On a connected socket these are the credentials of whoever called listen(2), see unix(7).
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == -1)
    throw boost::system::system_error(errno, boost::system::system_category(), "SO_PEERCRED");
  return peer.pid;
}

}  // namespace

asio::awaitable<void> ask_pages(std::string socket_path, std::vector<std::string> urls,
                                std::function<void(std::string_view)> each) {
  auto exchange = std::make_unique<Exchange>(co_await connect(std::move(socket_path)));
  try {
    co_await exchange->ask(http::verb::post, "/crawl", joined(urls));
    if (!exchange->is_success()) co_await refuse(*exchange);
    Lines lines(each);
    for (;;) {
      const std::string_view piece = co_await exchange->read();
      if (piece.empty()) break;
      lines.add(piece);
    }
    if (!lines.is_complete()) throw DaemonGone("an answer ends inside a line");
  } catch (const boost::system::system_error& error) {
    throw DaemonGone(error.code().message());
  }
}

asio::awaitable<std::string> ask_total(std::string socket_path,
                                       std::function<void(pid_t)> connected) {
  auto exchange = std::make_unique<Exchange>(co_await connect(std::move(socket_path)));
  try {
    // Asked before the header comes: who sends the header afterwards was alive when its pid was
    // learnt, so the pid is the daemon's and nobody else's.
    const pid_t pid = pid_of_listener(exchange->fd());
    co_await exchange->ask(http::verb::get, "/total", "");
    if (!exchange->is_success()) co_await refuse(*exchange);
    connected(pid);
    co_return co_await exchange->read_all();
  } catch (const boost::system::system_error& error) {
    throw DaemonGone(error.code().message());
  }
}

asio::awaitable<void> knock(std::string socket_path) {
  co_await connect(std::move(socket_path));
}

}  // namespace crawler

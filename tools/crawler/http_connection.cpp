#include "tools/crawler/http_connection.hpp"

#include <sstream>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace crawler {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;

namespace {

using Stream = beast::basic_stream<asio::generic::stream_protocol>;
using Parser = http::request_parser<http::string_body>;

// The longest target: a URL of the longest url_length allowed, each byte percent-encoded.
constexpr std::uint32_t max_header = 128 << 10;
// What is read and thrown away of a request that was refused while it still came, so that the client
// reads the refusal and not a broken connection; and for how long.
constexpr std::size_t max_discarded = std::size_t{64} << 20;
constexpr std::chrono::seconds discard_time{2};

std::string field(const Parser::value_type& request, http::field name) {
  const auto found = request.find(name);
  return found == request.end() ? "" : std::string(found->value());
}

HttpRequest taken_from(Parser::value_type request) {
  HttpRequest taken;
  if (request.method() == http::verb::get) taken.method = HttpRequest::Method::get;
  if (request.method() == http::verb::post) taken.method = HttpRequest::Method::post;
  taken.target = std::string(request.target());
  taken.host = field(request, http::field::host);
  taken.origin = field(request, http::field::origin);
  taken.body = std::move(request.body());
  return taken;
}

/// How a request that could not be read is answered; nothing if the connection failed, and not the
/// request.
std::optional<HttpAnswer> refusal(error_code error, const HttpLimits& limits) {
  if (error == http::error::body_limit)
    return HttpAnswer{413, "a request has at most " + std::to_string(limits.max_body) + " bytes\n"};
  if (error == http::error::header_limit)
    return HttpAnswer{431,
                      "a request's header has at most " + std::to_string(max_header) + " bytes\n"};
  if (error.category() != make_error_code(http::error::body_limit).category() ||
      error == http::error::partial_message)
    return {};
  return HttpAnswer{400, error.message() + "\n"};
}

using Head = http::response<http::empty_body>;

std::string text_of(const Head& head) {
  std::ostringstream text;
  text << head.base();
  return std::move(text).str();
}

}  // namespace

struct HttpConnection::Wire {
  /// What there is of a request while it is read.
  struct Reading {
    explicit Reading(const HttpLimits& the_limits) : limits(the_limits) {
      parser.header_limit(max_header);
      parser.body_limit(limits.max_body);
    }
    Parser parser;
    const HttpLimits limits;
    error_code error;
  };

  explicit Wire(Socket socket) : stream(std::move(socket)) {}
  bool is_chunked() const { return version >= 11; }

  /// All that is written goes through here, because each of Beast's own functions, with each type of
  /// buffers, would compile the layers below once more.
  asio::awaitable<error_code> send(std::string_view bytes) {
    error_code error;
    co_await asio::async_write(stream, asio::buffer(bytes), redirect_error(use_awaitable, error));
    co_return error;
  }

  Stream stream;
  beast::flat_buffer buffer{};  // also holds the requests that came behind the one that is read
  std::unique_ptr<Reading> reading{};
  // Of the last request.
  unsigned version = 11;
  bool keep_alive = false;
  bool is_head = false;
};

HttpConnection::HttpConnection(Socket socket) : wire_(std::make_unique<Wire>(std::move(socket))) {}
HttpConnection::~HttpConnection() = default;

asio::awaitable<bool> HttpConnection::wait() {
  if (wire_->buffer.size() != 0) co_return true;
  wire_->buffer = beast::flat_buffer();  // its memory goes
  error_code error;
  co_await wire_->stream.socket().async_wait(Socket::wait_read,
                                             redirect_error(use_awaitable, error));
  co_return !error;
}

asio::awaitable<bool> HttpConnection::read_header(HttpLimits limits) {
  wire_->reading = std::make_unique<Wire::Reading>(limits);
  auto& reading = *wire_->reading;
  wire_->stream.expires_after(limits.time);
  co_await http::async_read_header(wire_->stream, wire_->buffer, reading.parser,
                                   redirect_error(use_awaitable, reading.error));
  co_return reading.error != http::error::end_of_stream;
}

asio::awaitable<std::optional<HttpRequest>> HttpConnection::read_body() {
  Parser& parser = wire_->reading->parser;
  error_code& error = wire_->reading->error;
  wire_->is_head = parser.get().method() == http::verb::head;
  if (!error && field(parser.get(), http::field::expect) == "100-continue") {
    const std::string go_on = text_of(Head(http::status::continue_, parser.get().version()));
    error = co_await wire_->send(go_on);
  }
  if (!error)
    co_await http::async_read(wire_->stream, wire_->buffer, parser,
                              redirect_error(use_awaitable, error));
  if (error) {
    co_await refuse(error);
    co_return std::nullopt;
  }
  wire_->stream.expires_never();
  wire_->version = parser.get().version();
  wire_->keep_alive = parser.get().keep_alive();
  HttpRequest request = taken_from(parser.release());
  wire_->reading.reset();
  co_return request;
}

asio::awaitable<void> HttpConnection::refuse(error_code reason) {
  std::optional<HttpAnswer> answer = refusal(reason, wire_->reading->limits);
  if (!answer) co_return;
  wire_->version = 11;
  wire_->keep_alive = false;
  wire_->stream.expires_after(discard_time);
  (void)co_await write(std::move(*answer));
  error_code ignored;
  wire_->stream.socket().shutdown(Socket::shutdown_send, ignored);
  std::vector<char> discarded(64 << 10);
  for (std::size_t total = 0; !ignored && total < max_discarded;)
    total += co_await wire_->stream.async_read_some(asio::buffer(discarded),
                                                    redirect_error(use_awaitable, ignored));
}

asio::awaitable<bool> HttpConnection::write(HttpAnswer answer) {
  Head head(http::int_to_status(answer.status), wire_->version);
  head.set(http::field::content_type, answer.type);
  head.keep_alive(wire_->keep_alive);
  if (!answer.allow.empty()) head.set(http::field::allow, answer.allow);
  head.content_length(answer.body.size());
  // A body would be read as the answer to the next request (RFC 9110, 9.3.2).
  if (wire_->is_head) answer.body.clear();
  const std::string text = text_of(head) + answer.body;
  const error_code error = co_await wire_->send(text);
  co_return !error && head.keep_alive();
}

// To HTTP/1.0 such an answer ends with the connection.
asio::awaitable<bool> HttpConnection::begin(std::string_view type) {
  Head head(http::status::ok, wire_->version);
  head.set(http::field::content_type, beast::string_view(type.data(), type.size()));
  head.keep_alive(wire_->keep_alive && wire_->is_chunked());
  if (wire_->is_chunked()) head.chunked(true);
  const std::string header = text_of(head);
  const error_code error = co_await wire_->send(header);
  co_return !error;
}

asio::awaitable<bool> HttpConnection::put(std::string_view part) {
  std::string chunk;
  if (wire_->is_chunked()) {
    chunk = beast::buffers_to_string(http::make_chunk(asio::buffer(part)));
    part = chunk;
  }
  const error_code error = co_await wire_->send(part);
  co_return !error;
}

asio::awaitable<bool> HttpConnection::finish() {
  if (!wire_->is_chunked()) co_return false;
  const std::string last = beast::buffers_to_string(http::make_chunk_last());
  const error_code error = co_await wire_->send(last);
  co_return !error && wire_->keep_alive;
}

void HttpConnection::close() {
  error_code ignored;
  wire_->stream.socket().shutdown(Socket::shutdown_both, ignored);
}

HttpConnection::Watch::Watch(HttpConnection& connection, std::function<void()> gone)
    : gone_(std::make_shared<std::function<void()>>(std::move(gone))) {
  connection.wire_->stream.socket().async_wait(
      Socket::wait_error,
      asio::bind_cancellation_slot(cancel_.slot(), [tell = gone_](error_code error) {
        if (!error && *tell) (*tell)();
      }));
}

HttpConnection::Watch::~Watch() {
  // Its completion may be on its way already.
  *gone_ = nullptr;
  cancel_.emit(asio::cancellation_type::all);
}

}  // namespace crawler

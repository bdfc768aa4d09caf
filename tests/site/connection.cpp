#include "tests/site/connection.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace site {
namespace {

namespace asio = boost::asio;
using asio::use_awaitable;

constexpr std::size_t max_head = 64 << 10;  // bytes of a request's first line and headers

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string decoded(std::string_view text) {
  const auto digit = [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0' : (c | 0x20) - 'a' + 10;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
                        std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0;
    if (!escape) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return out;
}

/// Cuts off and returns what stands before `mark`; all of it if there is none.
std::string_view take(std::string_view& from, std::string_view mark) {
  const std::size_t at = std::min(from.find(mark), from.size());
  const std::string_view taken = from.substr(0, at);
  from.remove_prefix(std::min(from.size(), at + mark.size()));
  return taken;
}

std::optional<Request> parsed(std::string_view head) {
  std::string_view line = take(head, "\r\n");
  Request request;
  request.method = take(line, " ");
  std::string_view target = take(line, " ");
  if (!line.starts_with("HTTP/1.") || !target.starts_with("/")) return std::nullopt;
  request.path = take(target, "?");
  while (!target.empty()) {
    std::string_view pair = take(target, "&");
    const std::string_view key = take(pair, "=");
    request.query[decoded(key)] = decoded(pair);
  }
  while (!head.empty()) {
    std::string_view field = take(head, "\r\n");
    const std::string_view name = take(field, ":");
    while (field.starts_with(' ')) field.remove_prefix(1);
    request.headers[lower(name)] = field;
  }
  return request;
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {
  socket_.set_option(asio::ip::tcp::no_delay(true));
}

asio::awaitable<std::optional<Request>> Connection::next() {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n\r\n")) == unread_.npos) {
    // A method begins with a letter; who speaks TLS here is told at once.
    if (unread_.size() > max_head || (!unread_.empty() && unread_[0] < 'A')) co_return std::nullopt;
    std::array<char, 4096> piece{};
    boost::system::error_code error;
    const std::size_t length = co_await socket_.async_read_some(
        asio::buffer(piece), asio::redirect_error(use_awaitable, error));
    if (error) co_return std::nullopt;
    unread_.append(piece.data(), length);
  }
  std::optional<Request> request = parsed(std::string_view(unread_).substr(0, end + 2));
  unread_.erase(0, end + 4);
  co_return request;
}

asio::awaitable<void> Connection::answer(Response response) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " + response.reason + "\r\n";
  if (!response.content_type.empty()) head += "Content-Type: " + response.content_type + "\r\n";
  for (const auto& [name, value] : response.more) head += name + ": " + value + "\r\n";
  head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n";
  const std::array buffers{asio::buffer(head), asio::buffer(response.body)};
  co_await asio::async_write(socket_, buffers, use_awaitable);
}

asio::awaitable<void> Connection::write(std::string_view bytes) {
  co_await asio::async_write(socket_, asio::buffer(bytes), use_awaitable);
}

asio::awaitable<void> Connection::write_drop_by_drop(std::string_view bytes,
                                                     std::chrono::milliseconds span) {
  for (; !bytes.empty(); bytes.remove_prefix(1)) {
    co_await write(bytes.substr(0, 1));
    co_await pause(span);
  }
}

asio::awaitable<void> Connection::pause(std::chrono::milliseconds span) {
  timer_.expires_after(span);
  co_await timer_.async_wait(use_awaitable);
}

asio::awaitable<void> Connection::until_client_leaves() {
  std::array<char, 256> unwanted{};
  boost::system::error_code error;
  while (!error)
    co_await socket_.async_read_some(asio::buffer(unwanted),
                                     asio::redirect_error(use_awaitable, error));
}

void Connection::reset() {
  // With a linger time of zero close(2) sends RST and drops what was not sent yet, see socket(7).
  socket_.set_option(asio::socket_base::linger(true, 0));
  socket_.close();
}

}  // namespace site

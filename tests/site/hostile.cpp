#include "tests/site/hostile.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "tests/site/encodings.hpp"
#include "tests/site/pages.hpp"

namespace site {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Behaviour = asio::awaitable<After> (*)(Connection&, const Request&);

constexpr auto drop_pause = 1000ms;  // between two bytes of a slow server
constexpr std::string_view html_head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";

unsigned long number(std::string_view text, unsigned long otherwise) {
  unsigned long value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

unsigned long asked(const Request& request, const char* key, unsigned long otherwise) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? otherwise : number(found->second, otherwise);
}

/// The part of the path after the behaviour's name.
std::string_view rest(const Request& request) {
  std::string_view path = request.path;
  path.remove_prefix(std::min(path.size(), std::string_view("/hostile/").size()));
  const std::size_t slash = path.find('/');
  return slash == path.npos ? std::string_view() : path.substr(slash + 1);
}

std::string chunk(std::string_view bytes) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  return std::string(size.data(), end) + "\r\n" + std::string(bytes) + "\r\n";
}

// Responses are made by plain functions, and what is handed to a coroutine is made in a statement
// of its own: g++ 12 cannot compile nested initializer lists in a coroutine, and destroys a
// temporary of a conditional expression in a co_await twice.
Response html(std::string body, std::string_view name = {}, std::string_view value = {}) {
  Response response{.content_type = "text/html", .body = std::move(body)};
  if (!name.empty()) response.more.emplace_back(name, value);
  return response;
}

Response html_with_status(int status, std::string reason, std::string body) {
  Response response = html(std::move(body));
  response.status = status;
  response.reason = std::move(reason);
  return response;
}

asio::awaitable<After> redirect_to(Connection& connection, std::string target) {
  Response response = html_with_status(302, "Found", "");
  response.more.emplace_back("Location", std::move(target));
  co_await connection.answer(std::move(response));
  co_return After::keep;
}

asio::awaitable<After> silence(Connection& connection, const Request&) {
  co_await connection.until_client_leaves();
  co_return After::close;
}

asio::awaitable<After> slow_headers(Connection& connection, const Request&) {
  co_await connection.write_drop_by_drop(html_head, drop_pause);
  co_return After::close;
}

asio::awaitable<After> endless_headers(Connection& connection, const Request&) {
  co_await connection.write(html_head);
  const std::string line = "X-More: " + std::string(1000, 'x') + "\r\n";
  for (;;) co_await connection.write(line);
}

asio::awaitable<After> slow_body(Connection& connection, const Request&) {
  co_await connection.write(std::string(html_head) + "Content-Length: 100000\r\n\r\n");
  co_await connection.write_drop_by_drop(std::string(100'000, 's'), drop_pause);
  co_return After::close;
}

/// Begins well, then falls silent.
asio::awaitable<After> stalled_body(Connection& connection, const Request&) {
  co_await connection.write(std::string(html_head) + "Content-Length: 100000\r\n\r\n<p>half");
  co_await connection.until_client_leaves();
  co_return After::close;
}

asio::awaitable<After> endless(Connection& connection, const Request&) {
  co_await connection.write(std::string(html_head) + "Transfer-Encoding: chunked\r\n\r\n");
  std::string text;
  while (text.size() < (64 << 10)) text += "<p>and so on\n";
  text = chunk(text);
  for (;;) co_await connection.write(text);
}

asio::awaitable<After> redirect_loop(Connection& connection, const Request&) {
  std::string target = "/hostile/redirect-loop";
  co_return co_await redirect_to(connection, std::move(target));
}

/// /hostile/redirects/N: N redirects, then page 1.
asio::awaitable<After> redirects(Connection& connection, const Request& request) {
  const unsigned long left = number(rest(request), 1);
  std::string target = "/page/1";
  if (left > 1) target = "/hostile/redirects/" + std::to_string(left - 1);
  co_return co_await redirect_to(connection, std::move(target));
}

/// /hostile/redirect-to?url=URL: anywhere, other schemes and private addresses too.
asio::awaitable<After> redirect_anywhere(Connection& connection, const Request& request) {
  const auto found = request.query.find("url");
  std::string target = found == request.query.end() ? "/page/1" : found->second;
  co_return co_await redirect_to(connection, std::move(target));
}

asio::awaitable<After> long_redirect(Connection& connection, const Request&) {
  std::string target = "/page/1?" + std::string(20'000, 'l');
  co_return co_await redirect_to(connection, std::move(target));
}

asio::awaitable<After> reset_at_once(Connection& connection, const Request&) {
  connection.reset();
  co_return After::close;
}

asio::awaitable<After> reset_in_body(Connection& connection, const Request&) {
  co_await connection.write(std::string(html_head) + "Content-Length: 100000\r\n\r\n<p>half");
  // What is unsent or unread at a reset is lost, so the half must first be on its way.
  co_await connection.pause(50ms);
  connection.reset();
  co_return After::close;
}

/// Closes where a response should begin.
asio::awaitable<After> no_answer(Connection&, const Request&) {
  co_return After::close;
}

/// /hostile/gzip-bomb?mib=N: N MiB from some KiB each; 4 GiB unless told otherwise.
asio::awaitable<After> bomb(Connection& connection, const Request& request) {
  const Bomb parts = gzip_bomb();
  co_await connection.write(std::string(html_head) +
                            "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
  co_await connection.write(chunk(parts.head));
  const std::string again = chunk(parts.again);
  for (unsigned long mib = asked(request, "mib", 4096); mib > 1; --mib)
    co_await connection.write(again);
  co_return After::close;
}

asio::awaitable<After> bad_gzip(Connection& connection, const Request&) {
  co_await connection.answer(html("<p>this was never packed", "Content-Encoding", "gzip"));
  co_return After::keep;
}

asio::awaitable<After> unknown_encoding(Connection& connection, const Request&) {
  co_await connection.answer(html("<p>rolled up", "Content-Encoding", "papyrus"));
  co_return After::keep;
}

/// Announces more than it sends.
asio::awaitable<After> length_too_long(Connection& connection, const Request&) {
  co_await connection.write(std::string(html_head) + "Content-Length: 100000\r\n\r\n<p>short");
  co_return After::close;
}

/// Announces less than it sends; the rest looks like the answer to a request that nobody made.
asio::awaitable<After> length_too_short(Connection& connection, const Request&) {
  co_await connection.write(std::string(html_head) +
                            "Content-Length: 8\r\n\r\n<p>first<p>smuggled HTTP/1.1 200 OK\r\n"
                            "Content-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>poison");
  co_return After::keep;
}

/// /hostile/status/CODE; 429 and 503 ask to come back in two seconds.
asio::awaitable<After> status(Connection& connection, const Request& request) {
  Response response =
      html_with_status(static_cast<int>(number(rest(request), 404)), "As Asked", "");
  if (response.status == 503 || response.status == 429)
    response.more.emplace_back("Retry-After", "2");
  response.body = "<title>" + std::to_string(response.status) + "</title><p>as asked\n";
  co_await connection.answer(std::move(response));
  co_return After::keep;
}

struct Binary {
  std::string_view name;
  std::string_view content_type;
  std::string_view magic;
};
constexpr std::array binaries{
    Binary{"pdf", "application/pdf", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"},
    Binary{"png", "image/png", std::string_view("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16)},
    Binary{"zip", "application/zip", std::string_view("PK\x03\x04\x14\0\0\0\x08\0", 10)},
    Binary{"elf", "application/octet-stream",
           std::string_view("\x7f"
                            "ELF\x02\x01\x01\0\0",
                            9)},
};

/// /hostile/binary/KIND under its own type, /hostile/mislabelled/KIND as if it were HTML.
asio::awaitable<After> binary(Connection& connection, const Request& request) {
  const bool honest = request.path.starts_with("/hostile/binary/");
  for (const Binary& candidate : binaries) {
    if (candidate.name != rest(request)) continue;
    std::string body(candidate.magic);
    for (unsigned i = 0; i < 20'000; ++i) body += static_cast<char>(i * 7919U >> 5 & 0xff);
    Response response = html(std::move(body));
    if (honest) response.content_type = candidate.content_type;
    co_await connection.answer(std::move(response));
    co_return After::keep;
  }
  co_await connection.answer(html_with_status(404, "Not Found", "<p>no such file\n"));
  co_return After::keep;
}

/// /hostile/huge?mib=N: one page of N MiB, 50 unless told otherwise.
asio::awaitable<After> huge(Connection& connection, const Request& request) {
  std::string block;
  while (block.size() < (1 << 20)) block += "<p>a page that would be a library\n";
  block.resize(1 << 20);
  const unsigned long mib = asked(request, "mib", 50);
  co_await connection.write(std::string(html_head) +
                            "Content-Length: " + std::to_string(mib * block.size()) + "\r\n\r\n");
  for (unsigned long i = 0; i < mib; ++i) co_await connection.write(block);
  co_return After::keep;
}

asio::awaitable<After> no_type(Connection& connection, const Request&) {
  Response response = html("<h1>untyped</h1><p>" + marker(0) + "</p>\n");
  response.content_type.clear();
  co_await connection.answer(std::move(response));
  co_return After::keep;
}

asio::awaitable<After> empty(Connection& connection, const Request&) {
  co_await connection.answer(html(""));
  co_return After::keep;
}

asio::awaitable<After> not_http(Connection& connection, const Request&) {
  co_await connection.write("220 mail.example ESMTP, you are at the wrong door\r\n");
  co_return After::close;
}

struct Entry {
  std::string_view name;
  Behaviour behaviour;
};
constexpr std::array behaviours{
    Entry{"silence", silence},
    Entry{"slow-headers", slow_headers},
    Entry{"endless-headers", endless_headers},
    Entry{"slow-body", slow_body},
    Entry{"stalled-body", stalled_body},
    Entry{"endless", endless},
    Entry{"redirect-loop", redirect_loop},
    Entry{"redirects", redirects},
    Entry{"redirect-to", redirect_anywhere},
    Entry{"long-redirect", long_redirect},
    Entry{"reset-at-once", reset_at_once},
    Entry{"reset-in-body", reset_in_body},
    Entry{"no-answer", no_answer},
    Entry{"gzip-bomb", bomb},
    Entry{"bad-gzip", bad_gzip},
    Entry{"unknown-encoding", unknown_encoding},
    Entry{"length-too-long", length_too_long},
    Entry{"length-too-short", length_too_short},
    Entry{"status", status},
    Entry{"binary", binary},
    Entry{"mislabelled", binary},
    Entry{"huge", huge},
    Entry{"no-type", no_type},
    Entry{"empty", empty},
    Entry{"not-http", not_http},
};

}  // namespace

asio::awaitable<After> misbehave(Connection& connection, const Request& request) {
  std::string_view name = request.path;
  name.remove_prefix(std::string_view("/hostile/").size());
  name = name.substr(0, name.find('/'));
  for (const Entry& entry : behaviours)
    if (entry.name == name) co_return co_await entry.behaviour(connection, request);
  co_await connection.answer(html_with_status(404, "Not Found", "<p>no such behaviour\n"));
  co_return After::keep;
}

}  // namespace site

// The demo site: a small web server on the loopback interface, for the demonstration and the tests.
//
//     site [--port N] [--pages N] [--lifeline]
//
// prints its address and serves until SIGTERM or SIGINT, with --lifeline also until its standard
// input ends. One thread; a page that takes its time costs a timer, so hundreds may.
//
//   /                   links to all pages
//   /page/N?delay=MS    page N, after MS milliseconds, in the language and character set that N
//                       picks; packed as the client accepts (odd pages prefer br, even ones gzip)
//   /page/N?together=M  page N, once M requests for such pages wait side by side
//   /stats              what was asked for so far, as JSON
//   /hostile/...        what a crawler must survive, see hostile.cpp
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/site/connection.hpp"
#include "tests/site/encodings.hpp"
#include "tests/site/gathering.hpp"
#include "tests/site/hostile.hpp"
#include "tests/site/pages.hpp"
#include "tests/site/stats.hpp"

namespace site {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Settings {
  unsigned port = 0;  // 0: the kernel picks one
  unsigned pages = 500;
  bool lifeline = false;
};

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Server {
 public:
  Server(asio::io_context& io, const Settings& settings)
      : pages_(settings.pages),
        acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(),
                                    static_cast<std::uint16_t>(settings.port))),
        gathering_(io.get_executor()) {}

  unsigned port() const { return acceptor_.local_endpoint().port(); }

  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      stats_.connected();
      asio::co_spawn(acceptor_.get_executor(), serve(Connection(std::move(socket))),
                     asio::detached);
    }
  }

 private:
  asio::awaitable<void> serve(Connection connection) {
    try {
      while (const std::optional<Request> request = co_await connection.next())
        if (co_await respond(connection, *request) == After::close) break;
    } catch (const boost::system::system_error&) {
      // The client has left in the middle, as clients of a hostile server do.
    }
  }

  asio::awaitable<After> respond(Connection& connection, const Request& request) {
    if (request.method != "GET") {
      co_await connection.answer(plain(405, "Method Not Allowed", "text/plain", "GET only\n"));
      co_return After::close;
    }
    if (request.path == "/stats") {
      co_await connection.answer(plain(200, "OK", "application/json", stats_.json()));
      co_return After::keep;
    }
    const Stats::Underway underway = stats_.begin(request.path);
    if (request.path.starts_with("/hostile/")) co_return co_await misbehave(connection, request);

    if (const auto delay = request.query.find("delay"); delay != request.query.end())
      co_await connection.pause(std::chrono::milliseconds(number(delay->second).value_or(0)));
    if (const auto size = request.query.find("together"); size != request.query.end())
      co_await gathering_.join(number(size->second).value_or(1));
    co_await connection.answer(sound(request));
    co_return After::keep;
  }

  static Response plain(int status, std::string reason, std::string type, std::string body) {
    return {status, std::move(reason), std::move(type), {}, std::move(body)};
  }

  Response sound(const Request& request) const {
    constexpr std::string_view prefix = "/page/";
    if (request.path == "/") return {200, "OK", "text/html; charset=utf-8", {}, index(pages_)};
    const std::optional<unsigned> n =
        request.path.starts_with(prefix)
            ? number(std::string_view(request.path).substr(prefix.size()))
            : std::nullopt;
    if (!n || *n == 0 || *n > pages_)
      return plain(404, "Not Found", "text/html", "<p>There is no such page.\n");
    Page made = page(*n, pages_);
    Response response = plain(200, "OK", made.content_type, std::move(made.body));
    pack(response, request, *n % 2 == 1);
    return response;
  }

  static void pack(Response& response, const Request& request, bool prefers_brotli) {
    const auto found = request.headers.find("accept-encoding");
    if (found == request.headers.end()) return;
    const bool has_brotli = found->second.find("br") != std::string::npos;
    const bool has_gzip = found->second.find("gzip") != std::string::npos;
    if (has_brotli && (prefers_brotli || !has_gzip)) {
      response.body = brotli(response.body);
      response.more.emplace_back("Content-Encoding", "br");
    } else if (has_gzip) {
      response.body = gzip(response.body);
      response.more.emplace_back("Content-Encoding", "gzip");
    }
  }

  unsigned pages_;
  tcp::acceptor acceptor_;
  Stats stats_;
  Gathering gathering_;
};

asio::awaitable<void> until_input_ends(asio::io_context& io) {
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  std::array<char, 64> unwanted{};
  boost::system::error_code error;
  while (!error)
    co_await input.async_read_some(asio::buffer(unwanted),
                                   asio::redirect_error(asio::use_awaitable, error));
  io.stop();
}

std::optional<Settings> settings_of(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--lifeline") {
      settings.lifeline = true;
      continue;
    }
    const std::optional<unsigned> value = i + 1 < argc ? number(argv[++i]) : std::nullopt;
    if (value && option == "--port" && *value < 65536)
      settings.port = *value;
    else if (value && option == "--pages" && *value > 0)
      settings.pages = *value;
    else
      return std::nullopt;
  }
  return settings;
}

int run(const Settings& settings) {
  asio::io_context io(1);
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&io](auto, int) { io.stop(); });
  Server server(io, settings);
  // A server that can accept no longer must end, not fall silent.
  asio::co_spawn(io, server.accept(), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  if (settings.lifeline) asio::co_spawn(io, until_input_ends(io), asio::detached);
  std::cout << "http://127.0.0.1:" << server.port() << "/" << std::endl;
  io.run();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace site

int main(int argc, char** argv) {
  const std::optional<site::Settings> settings = site::settings_of(argc, argv);
  if (!settings) {
    std::cerr << "usage: site [--port N] [--pages N] [--lifeline]\n";
    return 2;
  }
  try {
    return site::run(*settings);
  } catch (const std::exception& error) {
    std::cerr << "site: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}

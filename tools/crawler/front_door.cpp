#include "tools/crawler/front_door.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "tools/crawler/front_door_routes.hpp"
#include "tools/crawler/front_door_socket.hpp"
#include "tools/crawler/http_target.hpp"

namespace crawler {
namespace asio = boost::asio;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;

namespace {

// Until descriptors are free again, if accept(2) has run out of them.
constexpr std::chrono::milliseconds accept_pause{100};

bool is_ours(const HttpRequest& request) {
  return is_loopback_host(request.host) && is_own_origin(request.origin);
}

HttpAnswer forbidden() {
  return {.status = 403, .body = "requests come from this machine only\n"};
}

}  // namespace

/// What the connections share: it lives as long as any of them.
class FrontDoor::Hall : public std::enable_shared_from_this<Hall> {
 public:
  Hall(asio::any_io_executor executor, Desk desk, const Config& config)
      : executor_(std::move(executor)),
        routes_(executor_, with_counts(std::move(desk))),
        flush_timer_(executor_) {
    reconfigure(config);
  }

  void reconfigure(const Config& config) {
    routes_.set_max_urls(config.max_urls);
    limits_ = {.max_body = config.max_request, .time = config.request_time};
  }

  template <class Acceptor>
  void open(Acceptor acceptor, bool on_tcp) {
    // A coroutine's arguments live in its frame; a lambda's captures would not.
    asio::co_spawn(executor_, accept_all(shared_from_this(), std::move(acceptor), on_tcp),
                   asio::detached);
  }

  void tell_total(const std::string& line) { routes_.tell_total(line); }

  void flush(Milliseconds time, std::function<void()> done) {
    flushed_ = std::move(done);
    flush_timer_.expires_after(time);
    flush_timer_.async_wait([hall = shared_from_this()](error_code error) {
      if (!error) hall->tell_flushed();
    });
    if (serving_ == 0) tell_flushed();
  }

  /// The door is gone: nothing outside of here may be used any more.
  void close() {
    routes_.close();
    flushed_ = nullptr;
    flush_timer_.cancel();
  }

  const asio::any_io_executor& executor() const { return executor_; }
  std::size_t connections() const { return connections_; }
  std::size_t serving() const { return serving_; }

 private:
  using Shared = std::shared_ptr<Hall>;

  /// Counts while it lives.
  class Counted {
   public:
    Counted(Shared hall, std::size_t Hall::*count) : hall_(std::move(hall)), count_(count) {
      ++((*hall_).*count_);
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
      --((*hall_).*count_);
      if (hall_->serving_ == 0 && hall_->flushed_) hall_->tell_flushed();
    }

   private:
    Shared hall_;
    std::size_t Hall::*count_;
  };

  void tell_flushed() {
    if (auto done = std::exchange(flushed_, nullptr)) asio::post(executor_, std::move(done));
  }

  Desk with_counts(Desk desk) {
    if (desk.status)
      desk.status = [this, behind = std::move(desk.status)] {
        boost::json::object status = behind();
        status["connections"] = connections_;
        status["requests"] = serving_;
        return status;
      };
    return desk;
  }

  template <class Acceptor>
  static asio::awaitable<void> accept_all(Shared hall, Acceptor acceptor, bool on_tcp) {
    for (;;) {
      HttpConnection::Socket socket(hall->executor_);
      error_code error;
      co_await acceptor.async_accept(socket, redirect_error(use_awaitable, error));
      if (!error) {
        asio::co_spawn(hall->executor_, serve_all(hall, std::move(socket), on_tcp), asio::detached);
        continue;
      }
      if (error == asio::error::operation_aborted) co_return;
      spdlog::warn("accept: {}", error.message());
      asio::steady_timer pause(hall->executor_, accept_pause);
      co_await pause.async_wait(redirect_error(use_awaitable, error));
    }
  }

  static asio::awaitable<void> serve_all(Shared hall, HttpConnection::Socket socket, bool on_tcp) {
    const Counted counted(hall, &Hall::connections_);
    HttpConnection connection(std::move(socket));
    for (bool again = true; again;) {
      if (!co_await connection.wait()) co_return;
      // A frame of its own, so that its memory goes while the connection is idle.
      again = co_await serve(hall, connection, on_tcp);
    }
    connection.close();
  }

  /// Reads one request and answers it. False if the connection is to be closed.
  static asio::awaitable<bool> serve(Shared hall, HttpConnection& connection, bool on_tcp) {
    if (!co_await connection.read_header(hall->limits_)) co_return false;
    const Counted counted(hall, &Hall::serving_);
    std::optional<HttpRequest> request = co_await connection.read_body();
    if (!request) co_return false;
    if (on_tcp && !is_ours(*request)) co_return co_await connection.write(forbidden());
    co_return co_await hall->routes_.answer(connection, std::move(*request));
  }

  asio::any_io_executor executor_;
  HttpLimits limits_;
  std::size_t connections_ = 0, serving_ = 0;
  Routes routes_;
  asio::steady_timer flush_timer_;
  std::function<void()> flushed_;
};

FrontDoor::FrontDoor(asio::any_io_executor executor, Desk desk, const Config& config)
    : hall_(std::make_shared<Hall>(std::move(executor), std::move(desk), config)) {}

FrontDoor::~FrontDoor() {
  hall_->close();
}

void FrontDoor::listen_unix(const std::string& path) {
  socket_ = std::make_unique<SocketPath>(path);
  hall_->open(asio::local::stream_protocol::acceptor(
                  hall_->executor(), asio::local::stream_protocol(), socket_->release()),
              false);
}

std::uint16_t FrontDoor::listen_tcp(const Endpoint& endpoint) {
  const asio::ip::tcp::endpoint where(asio::ip::make_address(endpoint.host), endpoint.port);
  try {
    asio::ip::tcp::acceptor acceptor(hall_->executor(), where);  // sets SO_REUSEADDR
    const std::uint16_t port = acceptor.local_endpoint().port();
    hall_->open(std::move(acceptor), true);
    return port;
  } catch (const boost::system::system_error& error) {
    throw ipc::Error("listen", endpoint.host + ":" + std::to_string(endpoint.port),
                     error.code().value());
  }
}

void FrontDoor::reconfigure(const Config& config) {
  hall_->reconfigure(config);
}
void FrontDoor::tell_total(const std::string& line) {
  hall_->tell_total(line);
}
void FrontDoor::flush(Milliseconds time, std::function<void()> done) {
  hall_->flush(time, std::move(done));
}
std::size_t FrontDoor::connections() const {
  return hall_->connections();
}
std::size_t FrontDoor::requests() const {
  return hall_->serving();
}

}  // namespace crawler

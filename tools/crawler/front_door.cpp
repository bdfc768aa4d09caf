#include "tools/crawler/front_door.hpp"

#include <set>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/spdlog.h>

#include "tools/crawler/front_door_page.hpp"
#include "tools/crawler/front_door_socket.hpp"
#include "tools/crawler/http_target.hpp"

namespace crawler {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;

namespace {

// One kind of socket for both doors: Beast is slow to compile, once for each.
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using Parser = http::request_parser<http::string_body>;
using Answer = http::response<http::string_body>;

// The longest target: a URL of the longest url_length allowed, each byte percent-encoded.
constexpr std::uint32_t max_http_header = 128 << 10;
// What is read and thrown away of a request that was refused while it still came, so that the client
// reads the refusal and not a broken connection; and for how long.
constexpr std::size_t max_discarded = std::size_t{64} << 20;
constexpr std::chrono::seconds discard_time{2};
// Until descriptors are free again, if accept(2) has run out of them.
constexpr std::chrono::milliseconds accept_pause{100};

/// Something that a coroutine waits for and others tell, on one thread. What it is about is looked at
/// before each wait, so nothing told too early is lost.
class Signal {
 public:
  explicit Signal(const asio::any_io_executor& executor) : timer_(executor) {}
  void tell() { timer_.cancel(); }
  asio::awaitable<void> wait() {
    error_code told;
    timer_.expires_at(asio::steady_timer::time_point::max());
    co_await timer_.async_wait(redirect_error(use_awaitable, told));
  }

 private:
  asio::steady_timer timer_;
};

/// A request whose answers are lines.
class LineRequest final : public Request {
 public:
  LineRequest(const asio::any_io_executor& executor, std::vector<std::string> urls)
      : Request(std::move(urls)), changed(executor) {}
  std::size_t unsent() const override { return lines.size() + writing; }

  std::string lines;
  std::size_t writing = 0;
  Signal changed;

 private:
  void deliver(const Outcome& outcome) override {
    lines += write_line(outcome);
    changed.tell();
  }
};

/// A request for one page.
class TextRequest final : public Request {
 public:
  TextRequest(const asio::any_io_executor& executor, std::string url)
      : Request({std::move(url)}), changed(executor) {}
  std::size_t unsent() const override { return 0; }

  std::optional<Outcome> outcome;
  Signal changed;

 private:
  void deliver(const Outcome& done) override {
    outcome = done;
    changed.tell();
  }
};

std::vector<std::string> lines_of(std::string_view body) {
  std::vector<std::string> lines;
  while (!body.empty()) {
    const auto end = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(line);
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return lines;
}

template <class Fields>
std::string field(const Fields& fields, http::field name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : std::string(found->value());
}

Answer plain(const Parser::value_type& request, http::status status, std::string text) {
  Answer answer(status, request.version());
  answer.set(http::field::content_type, "text/plain; charset=utf-8");
  answer.keep_alive(request.keep_alive());
  answer.body() = std::move(text);
  return answer;
}

http::status status_for(const Page& page) {
  if (page.status == Fate::ok) return http::status::ok;
  if (page.status == Fate::pending) return http::status::service_unavailable;
  return page.error == word::bad_url ? http::status::bad_request : http::status::bad_gateway;
}

}  // namespace

/// What the connections share: it lives as long as any of them.
class FrontDoor::Hall : public std::enable_shared_from_this<Hall> {
 public:
  Hall(asio::any_io_executor executor, Desk desk, const Config& config)
      : executor_(std::move(executor)), desk_(std::move(desk)), flush_timer_(executor_) {
    reconfigure(config);
  }

  void reconfigure(const Config& config) {
    max_urls_ = config.max_urls;
    max_request_ = config.max_request;
    request_time_ = config.request_time;
  }

  template <class Acceptor>
  void open(Acceptor acceptor, bool on_tcp) {
    // A coroutine's arguments live in its frame; a lambda's captures would not.
    asio::co_spawn(executor_, accept_all(shared_from_this(), std::move(acceptor), on_tcp),
                   asio::detached);
  }

  void tell_total(const std::string& line) {
    total_ = line;
    for (Signal* waiting : waiting_for_total_) waiting->tell();
  }

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
    desk_ = {};
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

  template <class Acceptor>
  static asio::awaitable<void> accept_all(Shared hall, Acceptor acceptor, bool on_tcp) {
    for (;;) {
      Protocol::socket socket(hall->executor_);
      error_code error;
      co_await acceptor.async_accept(socket, redirect_error(use_awaitable, error));
      if (!error) {
        asio::co_spawn(hall->executor_, connection(hall, std::move(socket), on_tcp),
                       asio::detached);
        continue;
      }
      if (error == asio::error::operation_aborted) co_return;
      spdlog::warn("accept: {}", error.message());
      asio::steady_timer pause(hall->executor_, accept_pause);
      co_await pause.async_wait(redirect_error(use_awaitable, error));
    }
  }

  static asio::awaitable<void> connection(Shared hall, Protocol::socket socket, bool on_tcp) {
    const Counted counted(hall, &Hall::connections_);
    Stream stream(std::move(socket));
    beast::flat_buffer buffer;  // no memory until something comes
    for (bool again = true; again;) {
      error_code error;
      if (buffer.size() == 0) {
        buffer = beast::flat_buffer();
        co_await stream.socket().async_wait(Protocol::socket::wait_read,
                                            redirect_error(use_awaitable, error));
        if (error) co_return;
      }
      // A frame of its own, so that the parser's memory goes while the connection is idle.
      again = co_await serve(hall, stream, buffer, on_tcp);
    }
    error_code ignored;
    stream.socket().shutdown(Protocol::socket::shutdown_both, ignored);
  }

  /// Reads one request and answers it. False if the connection is to be closed.
  static asio::awaitable<bool> serve(Shared hall, Stream& stream, beast::flat_buffer& buffer,
                                     bool on_tcp) {
    Parser parser;
    parser.header_limit(max_http_header);
    parser.body_limit(hall->max_request_);
    error_code error;
    stream.expires_after(hall->request_time_);
    co_await http::async_read_header(stream, buffer, parser, redirect_error(use_awaitable, error));
    if (error == http::error::end_of_stream) co_return false;
    const Counted counted(hall, &Hall::serving_);
    if (!error && field(parser.get(), http::field::expect) == "100-continue") {
      http::response<http::empty_body> go_on(http::status::continue_, parser.get().version());
      co_await http::async_write(stream, go_on, redirect_error(use_awaitable, error));
    }
    if (!error)
      co_await http::async_read(stream, buffer, parser, redirect_error(use_awaitable, error));
    if (error) co_return co_await refuse(hall, stream, parser, error);
    stream.expires_never();

    const Parser::value_type request = parser.release();
    if (on_tcp && !is_ours(request))
      co_return co_await write(stream, plain(request, http::status::forbidden,
                                             "requests come from this machine only\n"));
    co_return co_await route(hall, stream, request);
  }

  static bool is_ours(const Parser::value_type& request) {
    return is_loopback_host(field(request, http::field::host)) &&
           is_own_origin(field(request, http::field::origin));
  }

  /// A request that could not be read.
  static asio::awaitable<bool> refuse(Shared hall, Stream& stream, Parser& parser,
                                      error_code error) {
    http::status status = http::status::bad_request;
    std::string reason = error.message();
    if (error == http::error::body_limit) {
      status = http::status::payload_too_large;
      reason = "a request has at most " + std::to_string(hall->max_request_) + " bytes";
    } else if (error == http::error::header_limit) {
      status = http::status::request_header_fields_too_large;
      reason = "a request's header has at most " + std::to_string(max_http_header) + " bytes";
    } else if (error.category() != make_error_code(http::error::body_limit).category() ||
               error == http::error::partial_message) {
      co_return false;  // the connection failed, not the request
    }
    Answer answer = plain(parser.get(), status, reason + "\n");
    answer.version(11);
    answer.keep_alive(false);
    stream.expires_after(discard_time);
    (void)co_await write(stream, std::move(answer));
    error_code ignored;
    stream.socket().shutdown(Protocol::socket::shutdown_send, ignored);
    std::vector<char> discarded(64 << 10);
    for (std::size_t total = 0; !ignored && total < max_discarded;)
      total += co_await stream.async_read_some(asio::buffer(discarded),
                                               redirect_error(use_awaitable, ignored));
    co_return false;
  }

  static asio::awaitable<bool> write(Stream& stream, Answer answer) {
    answer.prepare_payload();
    error_code error;
    co_await http::async_write(stream, answer, redirect_error(use_awaitable, error));
    co_return !error && answer.keep_alive();
  }

  static asio::awaitable<bool> route(Shared hall, Stream& stream,
                                     const Parser::value_type& request) {
    const Target target = parse_target(request.target());
    const bool is_get = request.method() == http::verb::get;
    const bool is_post = request.method() == http::verb::post;
    const auto wrong_method = [&](const char* allowed) {
      Answer answer = plain(request, http::status::method_not_allowed,
                            target.path + " is asked with " + allowed + "\n");
      answer.set(http::field::allow, allowed);
      return answer;
    };
    // In statements of their own: GCC 12 awaits both sides of a `?:`.
    if (target.path == "/crawl") {
      if (!is_post) co_return co_await write(stream, wrong_method("POST"));
      co_return co_await crawl(hall, stream, request);
    }
    if (target.path == "/text") {
      if (!is_get) co_return co_await write(stream, wrong_method("GET"));
      co_return co_await text(hall, stream, request, target.url());
    }
    if (target.path == "/total") {
      if (!is_get) co_return co_await write(stream, wrong_method("GET"));
      co_return co_await total(hall, stream, request);
    }
    if (target.path != "/" && target.path != "/status")
      co_return co_await write(stream, plain(request, http::status::not_found,
                                             "there are /text, /crawl, /status, /total and /\n"));
    if (!is_get) co_return co_await write(stream, wrong_method("GET"));
    if (!hall->desk_.status) co_return false;
    json::object status = hall->desk_.status();
    status["connections"] = hall->connections_;
    status["requests"] = hall->serving_;
    const bool as_json = target.path == "/status";
    Answer answer = plain(request, http::status::ok,
                          as_json ? json::serialize(status) + "\n" : status_page(status));
    answer.set(http::field::content_type,
               as_json ? "application/json" : "text/html; charset=utf-8");
    co_return co_await write(stream, std::move(answer));
  }

  static Answer stopping(const Parser::value_type& request) {
    return plain(request, http::status::service_unavailable, "the daemon is stopping\n");
  }

  /// Calls `gone` once when the client closes the connection, and never after the Watch's end. A
  /// client that only says that it will send no more (shutdown(2)) still reads.
  class Watch {
   public:
    Watch(Stream& stream, std::function<void()> gone)
        : gone_(std::make_shared<std::function<void()>>(std::move(gone))) {
      stream.socket().async_wait(
          Protocol::socket::wait_error,
          asio::bind_cancellation_slot(cancel_.slot(), [tell = gone_](error_code error) {
            if (!error && *tell) (*tell)();
          }));
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      // Its completion may be on its way already.
      *gone_ = nullptr;
      cancel_.emit(asio::cancellation_type::all);
    }

   private:
    std::shared_ptr<std::function<void()>> gone_;
    asio::cancellation_signal cancel_;
  };

  static asio::awaitable<bool> text(Shared hall, Stream& stream, const Parser::value_type& request,
                                    std::optional<std::string> url) {
    if (!url)
      co_return co_await write(stream, plain(request, http::status::bad_request,
                                             "ask /text?url=URL, percent-encoded\n"));
    auto asked = std::make_shared<TextRequest>(hall->executor_, std::move(*url));
    if (!hall->desk_.submit || !hall->desk_.submit(asked))
      co_return co_await write(stream, stopping(request));
    bool gone = false;
    {
      const Watch watch(stream, [&gone, asked] {
        gone = true;
        asked->changed.tell();
      });
      while (!asked->outcome && !gone) co_await asked->changed.wait();
    }
    if (!asked->outcome) {
      if (hall->desk_.abandon) hall->desk_.abandon(*asked);
      co_return false;
    }
    const Page& page = asked->outcome->page;
    std::string body = page.status == Fate::ok ? page.text : page.error + ": " + page.detail + "\n";
    co_return co_await write(stream, plain(request, status_for(page), std::move(body)));
  }

  /// Begins an answer whose length nobody knows yet. To HTTP/1.0 it ends with the connection.
  static asio::awaitable<bool> begin(Stream& stream, const Parser::value_type& request,
                                     const char* type) {
    http::response<http::empty_body> head(http::status::ok, request.version());
    head.set(http::field::content_type, type);
    head.keep_alive(request.keep_alive() && request.version() >= 11);
    if (request.version() >= 11) head.chunked(true);
    http::response_serializer<http::empty_body> serializer(head);
    error_code error;
    co_await http::async_write_header(stream, serializer, redirect_error(use_awaitable, error));
    co_return !error;
  }

  static asio::awaitable<bool> put(Stream& stream, const Parser::value_type& request,
                                   std::string_view part) {
    error_code error;
    if (request.version() >= 11)
      co_await asio::async_write(stream, http::make_chunk(asio::buffer(part)),
                                 redirect_error(use_awaitable, error));
    else
      co_await asio::async_write(stream, asio::buffer(part), redirect_error(use_awaitable, error));
    co_return !error;
  }

  static asio::awaitable<bool> finish(Stream& stream, const Parser::value_type& request) {
    if (request.version() < 11) co_return false;
    error_code error;
    co_await asio::async_write(stream, http::make_chunk_last(),
                               redirect_error(use_awaitable, error));
    co_return !error && request.keep_alive();
  }

  static asio::awaitable<bool> crawl(Shared hall, Stream& stream,
                                     const Parser::value_type& request) {
    std::vector<std::string> urls = lines_of(request.body());
    if (urls.size() > hall->max_urls_)
      co_return co_await write(
          stream, plain(request, http::status::payload_too_large,
                        "a request has at most " + std::to_string(hall->max_urls_) + " URLs\n"));
    auto asked = std::make_shared<LineRequest>(hall->executor_, std::move(urls));
    if (!hall->desk_.submit || !hall->desk_.submit(asked))
      co_return co_await write(stream, stopping(request));

    bool alive = co_await begin(stream, request, "application/x-ndjson");
    {
      const Watch watch(stream, [&alive, asked] {
        alive = false;
        asked->changed.tell();
      });
      while (alive && (asked->open() != 0 || !asked->lines.empty())) {
        if (asked->lines.empty()) {
          co_await asked->changed.wait();
          continue;
        }
        const std::string part = std::exchange(asked->lines, {});
        asked->writing = part.size();
        if (!co_await put(stream, request, part)) alive = false;
        asked->writing = 0;
        if (hall->desk_.read) hall->desk_.read();
      }
    }
    if (!alive) {
      if (hall->desk_.abandon) hall->desk_.abandon(*asked);
      co_return false;
    }
    co_return co_await finish(stream, request);
  }

  static asio::awaitable<bool> total(Shared hall, Stream& stream,
                                     const Parser::value_type& request) {
    bool alive = co_await begin(stream, request, "text/plain; charset=utf-8");
    Signal told(hall->executor_);
    hall->waiting_for_total_.insert(&told);
    {
      const Watch watch(stream, [&alive, &told] {
        alive = false;
        told.tell();
      });
      while (alive && hall->total_.empty()) co_await told.wait();
    }
    hall->waiting_for_total_.erase(&told);
    if (!alive || !co_await put(stream, request, hall->total_ + "\n")) co_return false;
    co_return co_await finish(stream, request);
  }

  asio::any_io_executor executor_;
  Desk desk_;
  std::size_t max_urls_ = 0, max_request_ = 0;
  Milliseconds request_time_{};
  std::size_t connections_ = 0, serving_ = 0;
  std::string total_;
  std::set<Signal*> waiting_for_total_;
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

#include "tools/crawler/front_door_routes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include "tools/crawler/front_door_page.hpp"
#include "tools/crawler/http_target.hpp"

namespace crawler {
namespace asio = boost::asio;

namespace {

HttpAnswer plain(unsigned status, std::string text) {
  return {.status = status, .body = std::move(text)};
}

HttpAnswer wrong_method(const std::string& path, const std::string& right) {
  return {.status = 405, .body = path + " is asked with " + right + "\n", .allow = right};
}

HttpAnswer stopping() {
  return plain(503, "the daemon is stopping\n");
}

HttpAnswer answer_of(const Page& page) {
  if (page.status == Fate::ok) return plain(200, page.text);
  unsigned status = 502;
  if (page.status == Fate::pending) status = 503;
  if (page.status == Fate::failed && page.error == word::bad_url) status = 400;
  return plain(status, page.error + ": " + page.detail + "\n");
}

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

}  // namespace

/// Something that a coroutine waits for and others tell, on one thread. What it is about is looked at
/// before each wait, so nothing told too early is lost.
class Routes::Signal {
 public:
  explicit Signal(const asio::any_io_executor& executor) : timer_(executor) {}
  void tell() { timer_.cancel(); }
  asio::awaitable<void> wait() {
    boost::system::error_code told;
    timer_.expires_at(asio::steady_timer::time_point::max());
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, told));
  }

 private:
  asio::steady_timer timer_;
};

/// A request whose answers are lines.
class Routes::LineRequest final : public Request {
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
class Routes::TextRequest final : public Request {
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

// After close() there is no desk; connections that are still open find out here.
bool Routes::submit(const std::shared_ptr<Request>& request) {
  return desk_.submit && desk_.submit(request);
}
void Routes::abandon(const Request& request) {
  if (desk_.abandon) desk_.abandon(request);
}

asio::awaitable<bool> Routes::answer(HttpConnection& connection, HttpRequest request) {
  const Target target = parse_target(request.target);
  const bool is_get = request.method == HttpRequest::Method::get;
  const bool is_post = request.method == HttpRequest::Method::post;
  // In statements of their own: GCC 12 awaits both sides of a `?:`.
  if (target.path == "/crawl") {
    if (!is_post) co_return co_await connection.write(wrong_method(target.path, "POST"));
    std::vector<std::string> urls = lines_of(request.body);
    request.body = std::string();  // up to 16 MiB that nobody needs for as long as the answer takes
    co_return co_await crawl(connection, std::move(urls));
  }
  const bool is_page = target.path == "/" || target.path == "/status";
  if (!is_page && target.path != "/text" && target.path != "/total")
    co_return co_await connection.write(
        plain(404, "there are /text, /crawl, /status, /total and /\n"));
  if (!is_get) co_return co_await connection.write(wrong_method(target.path, "GET"));
  if (target.path == "/total") co_return co_await total(connection);
  if (is_page) {
    if (!desk_.status) co_return false;
    co_return co_await connection.write(status(target.path == "/status"));
  }
  std::optional<std::string> url = target.url();
  if (!url) co_return co_await connection.write(plain(400, "ask /text?url=URL, percent-encoded\n"));
  co_return co_await text(connection, std::move(*url));
}

HttpAnswer Routes::status(bool as_json) {
  const boost::json::object status = desk_.status();
  if (as_json) return {.body = boost::json::serialize(status) + "\n", .type = "application/json"};
  return {.body = status_page(status), .type = "text/html; charset=utf-8"};
}

asio::awaitable<bool> Routes::text(HttpConnection& connection, std::string url) {
  auto asked = std::make_shared<TextRequest>(executor_, std::move(url));
  if (!submit(asked)) co_return co_await connection.write(stopping());
  bool gone = false;
  {
    const HttpConnection::Watch watch(connection, [&gone, asked] {
      gone = true;
      asked->changed.tell();
    });
    while (!asked->outcome && !gone) co_await asked->changed.wait();
  }
  if (!asked->outcome) {
    abandon(*asked);
    co_return false;
  }
  co_return co_await connection.write(answer_of(asked->outcome->page));
}

asio::awaitable<bool> Routes::crawl(HttpConnection& connection, std::vector<std::string> urls) {
  if (urls.size() > max_urls_)
    co_return co_await connection.write(
        plain(413, "a request has at most " + std::to_string(max_urls_) + " URLs\n"));
  auto asked = std::make_shared<LineRequest>(executor_, std::move(urls));
  if (!submit(asked)) co_return co_await connection.write(stopping());

  bool alive = co_await connection.begin("application/x-ndjson");
  {
    const HttpConnection::Watch watch(connection, [&alive, asked] {
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
      if (!co_await connection.put(part)) alive = false;
      asked->writing = 0;
      if (desk_.read) desk_.read();
    }
  }
  if (!alive) {
    abandon(*asked);
    co_return false;
  }
  co_return co_await connection.finish();
}

asio::awaitable<bool> Routes::total(HttpConnection& connection) {
  bool alive = co_await connection.begin("text/plain; charset=utf-8");
  Signal told(executor_);
  waiting_for_total_.insert(&told);
  {
    const HttpConnection::Watch watch(connection, [&alive, &told] {
      alive = false;
      told.tell();
    });
    while (alive && total_.empty()) co_await told.wait();
  }
  waiting_for_total_.erase(&told);
  if (!alive) co_return false;
  const std::string line = total_ + "\n";
  if (!co_await connection.put(line)) co_return false;
  co_return co_await connection.finish();
}

void Routes::tell_total(const std::string& line) {
  total_ = line;
  for (Signal* waiting : waiting_for_total_) waiting->tell();
}

}  // namespace crawler

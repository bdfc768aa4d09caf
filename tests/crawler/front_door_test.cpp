// The front door alone, with a desk of the test's own in place of the master.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "tools/crawler/front_door.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <fstream>
#include <future>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "ipc/sys/error.hpp"
#include "tests/crawler/daemon_under_test.hpp"

using crawler::Config;
using crawler::FrontDoor;
using crawler::Outcome;
using crawler::Request;
using support::eventually;
using support::HttpClient;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

Outcome page_of(const std::string& url, std::string text) {
  Outcome outcome;
  outcome.url = url;
  outcome.page.status = crawler::Fate::ok;
  outcome.page.http_status = 200;
  outcome.page.text = std::move(text);
  outcome.worker = outcome.attempt = 1;
  return outcome;
}

/// A front door on a loop in a thread of its own. Requests wait in `requests`; all that touches them
/// runs on the loop, through on_loop().
class Door {
  asio::io_context loop_;  // before `requests`, which hold timers of it

 public:
  explicit Door(const Config& config = {})
      : door_(std::make_unique<FrontDoor>(loop_.get_executor(), desk(), config)) {
    door_->listen_unix(path());
    port_ = door_->listen_tcp({"127.0.0.1", 0});
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Door() {
    loop_.stop();
    thread_.join();
  }
  std::string path() const { return directory_.path() + "/socket"; }
  HttpClient client() const { return HttpClient(path()); }
  HttpClient tcp_client() const { return HttpClient(port_); }
  FrontDoor& door() { return *door_; }

  template <class Act>
  auto on_loop(Act act) {
    std::packaged_task<decltype(act())()> task(std::move(act));
    auto done = task.get_future();
    asio::post(loop_, [&task] { task(); });
    return done.get();
  }
  bool has_requests(std::size_t count) {
    return eventually([&] { return on_loop([&] { return requests.size() == count; }); }, 5s);
  }
  /// Answers the next URL of the oldest request.
  void answer(const std::string& url, const std::string& text) {
    on_loop([&] { requests.front()->finish(page_of(url, text)); });
  }

  std::deque<std::shared_ptr<Request>> requests;
  bool is_stopping = false;
  std::atomic<int> abandoned = 0, reads = 0;

 private:
  crawler::Desk desk() {
    return {.submit =
                [this](auto request) {
                  if (is_stopping) return false;
                  requests.push_back(std::move(request));
                  return true;
                },
            .abandon = [this](const Request&) { ++abandoned; },
            .read = [this] { ++reads; },
            .status =
                [] {
                  return boost::json::object{{"state", "<running>"}};
                }};
  }

  support::PrivateDirectory directory_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(loop_);
  std::unique_ptr<FrontDoor> door_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

long resident_bytes() {
  std::ifstream file("/proc/self/statm");
  long total = 0, resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("the text of a page is asked for and comes, over each door") {
  Door door;
  for (bool tcp : {false, true}) {
    CAPTURE(tcp);
    auto client = tcp ? door.tcp_client() : door.client();
    client.request("GET", "/text?url=http://a/");
    REQUIRE(door.has_requests(1));
    door.answer("http://a/", "Grüße");
    const auto response = client.receive();
    CHECK(response.status == 200);
    CHECK(response.body == "Grüße");
    CHECK(response.head.find("Content-Type: text/plain; charset=utf-8\r\n") != std::string::npos);
    door.on_loop([&] { door.requests.clear(); });
  }
}

TEST_CASE("a page that could not be had has a reason and a status") {
  Door door;
  const auto status_of = [&](crawler::Fate fate, std::string error) {
    auto client = door.client();
    client.request("GET", "/text?url=http://a/");
    REQUIRE(door.has_requests(1));
    door.on_loop([&] {
      Outcome outcome = page_of("http://a/", "");
      outcome.page.status = fate;
      outcome.page.error = error;
      outcome.page.detail = "because";
      door.requests.front()->finish(outcome);
      door.requests.clear();
    });
    const auto response = client.receive();
    CHECK(response.body == error + ": because\n");
    return response.status;
  };
  CHECK(status_of(crawler::Fate::failed, "dns") == 502);
  CHECK(status_of(crawler::Fate::failed, "bad-url") == 400);
  CHECK(status_of(crawler::Fate::pending, "stopped") == 503);
}

TEST_CASE("each page of a list comes as soon as it is done") {
  Door door;
  auto client = door.client();
  client.request("POST", "/crawl", "http://a/\r\n\nhttp://b/\nhttp://c/");
  REQUIRE(door.has_requests(1));
  const auto head = client.receive_head();
  CHECK(head.status == 200);
  CHECK(head.head.find("Transfer-Encoding: chunked") != std::string::npos);
  for (const auto* url : {"http://b/", "http://c/", "http://a/"}) {
    door.answer(url, "text");
    const auto line = crawler::read_line(client.line(true));
    REQUIRE(line);
    CHECK(line.value->url == url);
  }
  CHECK(client.line(true) == "");
  // The connection is as good as new.
  CHECK(client.ask("GET", "/status").status == 200);
}

TEST_CASE("a client of HTTP/1.0 gets lines up to the end of the connection") {
  Door door;
  auto client = door.client();
  client.send("POST /crawl HTTP/1.0\r\nContent-Length: 9\r\n\r\nhttp://a/");
  REQUIRE(door.has_requests(1));
  door.answer("http://a/", "text");
  const auto response = client.receive();
  CHECK(response.head.find("chunked") == std::string::npos);
  CHECK(crawler::read_line(response.body));
}

TEST_CASE("an empty list has an empty answer") {
  Door door;
  auto client = door.client();
  client.request("POST", "/crawl", "\n\n");
  REQUIRE(door.has_requests(1));
  CHECK(client.receive().body == "");
}

TEST_CASE("requests that follow each other unasked are answered in order") {
  Door door;
  auto client = door.client();
  client.send(
      "GET /text?url=http://a/ HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /status HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(door.has_requests(1));
  door.answer("http://a/", "first");
  CHECK(client.receive().body == "first");
  CHECK(client.receive().status == 200);
  CHECK(client.receive().status == 404);
}

TEST_CASE("the status is JSON, the page for people escapes it") {
  Door door;
  const auto status = boost::json::parse(door.client().ask("GET", "/status").body).as_object();
  CHECK(status.at("state") == "<running>");
  CHECK(status.at("connections").to_number<int>() >= 1);
  const auto page = door.client().ask("GET", "/");
  CHECK(page.head.find("text/html") != std::string::npos);
  CHECK(page.body.find("&lt;running&gt;") != std::string::npos);
  CHECK(page.body.find("<running>") == std::string::npos);
}

TEST_CASE("the total comes to those who wait for it and to those who ask later") {
  Door door;
  auto client = door.client();
  client.request("GET", "/total");
  CHECK(client.receive_head().status == 200);
  door.on_loop([&] { door.door().tell_total("Downloaded URLs: 5"); });
  CHECK(client.line(true) == "Downloaded URLs: 5\n");
  CHECK(client.line(true) == "");
  CHECK(door.client().ask("GET", "/total").body == "Downloaded URLs: 5\n");
}

TEST_CASE("what is no request of ours is refused with its reason") {
  Door door;
  CHECK(door.client().ask("GET", "/else").status == 404);
  CHECK(door.client().ask("GET", "/text").status == 400);
  CHECK(door.client().ask("GET", "/text?url=%zz").status == 400);
  const auto wrong = door.client().ask("GET", "/crawl");
  CHECK(wrong.status == 405);
  CHECK(wrong.head.find("Allow: POST\r\n") != std::string::npos);
  CHECK(door.client().ask("POST", "/text?url=http://a/").status == 405);
  CHECK(door.client().ask("DELETE", "/").status == 405);
  auto garbage = door.client();
  garbage.send("\x16\x03\x01 this is no HTTP\r\n\r\n");
  CHECK(garbage.receive().status == 400);
  CHECK(garbage.is_at_end());
  door.on_loop([&] { door.is_stopping = true; });
  CHECK(door.client().ask("GET", "/text?url=http://a/").status == 503);
  CHECK(door.client().ask("POST", "/crawl", "http://a/").status == 503);
}

TEST_CASE("a request that is too large is refused, also while it still comes") {
  Config config;
  config.max_urls = 10;
  config.max_request = 1000;
  Door door(config);
  std::string urls;
  for (int url = 0; url != 11; ++url) urls += "http://a/\n";
  CHECK(door.client().ask("POST", "/crawl", urls).status == 413);
  CHECK(door.client().ask("POST", "/crawl", std::string(1001, 'x')).status == 413);
  // 8 MB that nobody wanted: the refusal is read, not a reset.
  CHECK(door.client().ask("POST", "/crawl", std::string(8'000'000, 'x')).status == 413);

  auto chunked = door.client();
  chunked.send("POST /crawl HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int chunk = 0; chunk != 3; ++chunk) chunked.send("190\r\n" + std::string(400, 'x') + "\r\n");
  CHECK(chunked.receive().status == 413);

  auto expecting = door.client();
  expecting.send(
      "POST /crawl HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n");
  CHECK(expecting.receive().status == 413);

  auto header = door.client();
  header.send("GET / HTTP/1.1\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n");
  CHECK(header.receive().status == 431);
}

TEST_CASE("a client that asks whether to go on is told to") {
  Door door;
  auto client = door.client();
  client.send(
      "POST /crawl HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.receive_head().status == 100);
  client.send("http://a/");
  REQUIRE(door.has_requests(1));
  door.answer("http://a/", "text");
  CHECK(client.receive().status == 200);
}

TEST_CASE("a request must arrive in its time") {
  Config config;
  config.request_time = 100ms;
  Door door(config);
  auto slow = door.client();
  slow.send("GET /status HTTP/1.1\r\n");
  CHECK(slow.is_at_end());
  auto idle = door.client();
  std::this_thread::sleep_for(300ms);
  CHECK(idle.ask("GET", "/status").status == 200);
}

TEST_CASE("over TCP foreign pages are refused, on the socket names mean nothing") {
  Door door;
  const auto ask = [](HttpClient client, const std::string& fields) {
    return client.ask("GET", "/status", "", fields).status;
  };
  CHECK(ask(door.tcp_client(), "Host: localhost:1\r\n") == 200);
  CHECK(ask(door.tcp_client(), "Host: evil.example\r\n") == 403);
  CHECK(ask(door.tcp_client(), "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n") == 403);
  CHECK(ask(door.client(), "Host: anything\r\n") == 200);
}

TEST_CASE(
    "a client that leaves is noticed while it waits, one that only stops sending is not sent "
    "away") {
  Door door;
  {
    auto leaving = door.client();
    leaving.request("POST", "/crawl", "http://a/");
    REQUIRE(door.has_requests(1));
  }
  CHECK(eventually([&] { return door.abandoned == 1; }, 5s));

  auto half = door.client();
  half.request("GET", "/text?url=http://b/");
  half.shut_sending_down();
  REQUIRE(door.has_requests(2));
  door.on_loop([&] { door.requests.back()->finish(page_of("http://b/", "still here")); });
  CHECK(half.receive().body == "still here");
}

TEST_CASE("what a client has not read is counted, and told when it reads") {
  Door door;
  auto client = door.client();
  client.request("POST", "/crawl", "http://a/\nhttp://b/\nhttp://c/");
  REQUIRE(door.has_requests(1));
  const std::string text(std::size_t{4} << 20, 'x');
  door.answer("http://a/", text);
  door.answer("http://b/", text);
  CHECK(door.on_loop([&] { return door.requests.front()->unsent(); }) > text.size());
  const int reads = door.reads;
  REQUIRE(client.receive_head().status == 200);
  CHECK(client.line(true).size() > text.size());
  CHECK(client.line(true).size() > text.size());
  CHECK(eventually([&] { return door.reads > reads; }, 5s));
  CHECK(eventually(
      [&] { return door.on_loop([&] { return door.requests.front()->unsent() == 0; }); }, 5s));
}

TEST_CASE("a flush ends when the answers are written, or when its time is over") {
  Door door;
  std::atomic<bool> flushed = false;
  auto client = door.client();
  client.request("GET", "/text?url=http://a/");
  REQUIRE(door.has_requests(1));
  door.on_loop([&] { door.door().flush(60s, [&] { flushed = true; }); });
  std::this_thread::sleep_for(50ms);
  CHECK_FALSE(flushed);
  door.answer("http://a/", "text");
  CHECK(client.receive().status == 200);
  CHECK(eventually([&] { return flushed.load(); }, 5s));

  flushed = false;
  client.request("GET", "/text?url=http://a/");
  REQUIRE(door.has_requests(2));
  door.on_loop([&] { door.door().flush(100ms, [&] { flushed = true; }); });
  CHECK(eventually([&] { return flushed.load(); }, 5s));
}

TEST_CASE("the socket is for its owner only, whatever the umask, and goes with the door") {
  const auto before = ::umask(0);
  std::string path;
  {
    Door door;
    path = door.path();
    struct stat about {};
    REQUIRE(::stat(path.c_str(), &about) == 0);
    CHECK((about.st_mode & 07777) == 0600);
  }
  ::umask(before);
  CHECK(::access(path.c_str(), F_OK) == -1);
}

TEST_CASE("nothing but a dead daemon's socket is replaced") {
  const support::PrivateDirectory directory;
  asio::io_context loop;
  const std::string path = directory.path() + "/thing";
  FrontDoor door(loop.get_executor(), {}, Config{});
  std::ofstream(path) << "precious";
  CHECK_THROWS_AS(door.listen_unix(path), ipc::Error);
  CHECK(std::ifstream(path).get() == 'p');
}

TEST_CASE("ten thousand connections that ask nothing cost little and hinder nobody") {
  constexpr std::size_t count = 10'000;
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  // Both ends of each are in this process.
  const std::size_t connections = std::min<std::size_t>(count, (limit.rlim_cur - 100) / 2);
  {
    Door door;
    std::vector<HttpClient> clients;
    clients.reserve(connections);
    CHECK(door.client().ask("GET", "/status").status == 200);
    const long resident = resident_bytes();
    for (std::size_t each = 0; each != connections; ++each) clients.push_back(door.client());
    CHECK(eventually(
        [&] { return door.on_loop([&] { return door.door().connections() >= connections; }); },
        20s));
    const long each = (resident_bytes() - resident) / static_cast<long>(connections);
    MESSAGE("an idle connection costs ", each, " bytes, the client's own included");
    CHECK(each < 8192);
    CHECK(door.client().ask("GET", "/status").status == 200);
    CHECK(clients.back().ask("GET", "/status").status == 200);
  }
  limit.rlim_cur = before;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

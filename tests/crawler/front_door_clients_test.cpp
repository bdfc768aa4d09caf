// The front door alone: clients that ask for too much, are slow, leave, or only sit there.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/sys/error.hpp"
#include "tests/crawler/front_door_fixture.hpp"
#include "tests/support/pace.hpp"

using crawler::Config;
using crawler::FrontDoor;
using support::Door;
using support::eventually;
using support::HttpClient;
using support::page_of;
using namespace std::chrono_literals;

namespace {

long resident_bytes() {
  std::ifstream file("/proc/self/statm");
  long total = 0, resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

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
  CHECK(eventually([&] { return door.abandoned == 1; }, 10s));

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
  CHECK(eventually([&] { return door.reads > reads; }, 10s));
  CHECK(eventually(
      [&] { return door.on_loop([&] { return door.requests.front()->unsent() == 0; }); }, 10s));
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
  CHECK(eventually([&] { return flushed.load(); }, 10s));

  flushed = false;
  client.request("GET", "/text?url=http://a/");
  REQUIRE(door.has_requests(2));
  door.on_loop([&] { door.door().flush(100ms, [&] { flushed = true; }); });
  CHECK(eventually([&] { return flushed.load(); }, 10s));
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
  boost::asio::io_context loop;
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
    // The sanitizers put space and their own notes around all that is allocated.
    CHECK(each < (test::is_sanitized ? 4 : 1) * 8192);
    CHECK(door.client().ask("GET", "/status").status == 200);
    CHECK(clients.back().ask("GET", "/status").status == 200);
  }
  limit.rlim_cur = before;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

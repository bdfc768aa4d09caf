// The client against a daemon of the test's own, and its pure parts.
#include "tools/crawler/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "ipc/sys/fd.hpp"
#include "tests/crawler/program_run.hpp"
#include "tests/support/guard.hpp"
#include "tools/crawler/url_list.hpp"

using crawler::UrlList;
using ipc::sys::Fd;
using namespace std::chrono_literals;

namespace {

/// Listens where a daemon would, and answers as the test likes.
class FakeDaemon {
 public:
  explicit FakeDaemon(const std::string& path) : path_(path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 10) == 0);
  }
  ~FakeDaemon() { ::unlink(path_.c_str()); }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  bool is_called(std::chrono::milliseconds patience) const {
    pollfd called{listener_.get(), POLLIN, 0};
    return ::poll(&called, 1, static_cast<int>(patience.count())) == 1;
  }
  Fd accept() const { return Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  std::string path_;
  Fd listener_;
};

/// The body of the next request, which has a Content-Length.
std::string request_on(const Fd& connection) {
  std::string text;
  std::size_t head = std::string::npos;
  std::size_t length = 0;
  while (head == text.npos || text.size() < head + 4 + length) {
    std::array<char, 4096> piece{};
    const ssize_t count = ::read(connection.get(), piece.data(), piece.size());
    REQUIRE(count > 0);
    text.append(piece.data(), static_cast<std::size_t>(count));
    head = text.find("\r\n\r\n");
    if (const auto field = text.find("Content-Length: "); head != text.npos && field < head)
      length = std::stoul(text.substr(field + 16));
  }
  CHECK(text.starts_with("POST /crawl HTTP/1.1\r\n"));
  return text.substr(head + 4);
}

void write_all(const Fd& connection, const std::string& text) {
  REQUIRE(::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
}

std::string answers_to(const std::string& body) {
  std::string lines;
  for (std::size_t at = 0; at < body.size(); at = body.find('\n', at) + 1) {
    crawler::Outcome outcome;
    outcome.url = body.substr(at, body.find('\n', at) - at);
    outcome.page.status = crawler::Fate::ok;
    outcome.page.text = "text";
    lines += crawler::write_line(outcome);
  }
  return lines;
}

void answer(const Fd& connection, const std::string& body) {
  write_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body);
}

struct Case : test::Guard {
  std::string socket() const { return directory() + "/socket"; }
  std::string command() const { return "crawl --json --socket " + socket(); }
};

}  // namespace

TEST_CASE_FIXTURE(Case, "lists go in requests of 1,000, two at a time") {
  const FakeDaemon daemon(socket());
  std::string list;
  for (int i = 0; i < 2500; ++i) list += "http://host/" + std::to_string(i) + "\n";
  const std::string urls = directory() + "/urls";
  const std::string pages = directory() + "/pages";
  support::write_file(urls, list);
  test::Child crawl = support::start(command() + " -i " + urls + " -o " + pages);

  const Fd first = daemon.accept();
  const std::string first_body = request_on(first);
  const Fd second = daemon.accept();
  const std::string second_body = request_on(second);
  CHECK(!daemon.is_called(200ms));
  CHECK(std::count(first_body.begin(), first_body.end(), '\n') == 1000);
  CHECK(std::count(second_body.begin(), second_body.end(), '\n') == 1000);
  answer(second, answers_to(second_body));
  REQUIRE(daemon.is_called(5s));
  const Fd third = daemon.accept();
  const std::string third_body = request_on(third);
  answer(third, answers_to(third_body));
  answer(first, answers_to(first_body));
  CHECK(first_body + second_body + third_body == list);
  CHECK(crawl.wait(5s) == 0);
  const std::string got = support::content_of(pages);
  CHECK(std::count(got.begin(), got.end(), '\n') == 2500);
  ::unlink(urls.c_str());
  ::unlink(pages.c_str());
}

TEST_CASE_FIXTURE(Case, "a daemon that takes short lists only is asked for shorter ones") {
  const FakeDaemon daemon(socket());
  test::Child crawl = support::start("sh -c 'seq 7 | sed s,^,http://host/, | exec " + command() +
                                     " -i - >" + directory() + "/pages'");
  const std::string too_long = "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n";
  std::string asked;
  while (std::count(asked.begin(), asked.end(), '\n') < 7) {
    REQUIRE(daemon.is_called(5s));
    const Fd connection = daemon.accept();
    const std::string body = request_on(connection);
    if (std::count(body.begin(), body.end(), '\n') > 2) {
      write_all(connection, too_long);
    } else {
      answer(connection, answers_to(body));
      asked += body;
    }
  }
  CHECK(crawl.wait(5s) == 0);
  const std::string got = support::content_of(directory() + "/pages");
  CHECK(std::count(got.begin(), got.end(), '\n') == 7);
  ::unlink((directory() + "/pages").c_str());

  test::Child hopeless = support::start(command() + " http://host/1");
  const Fd connection = daemon.accept();
  request_on(connection);
  write_all(connection, too_long);
  CHECK(hopeless.wait(5s) == 3);
}

TEST_CASE_FIXTURE(Case, "a daemon that breaks off, or talks nonsense, is told from a full answer") {
  const auto ended = [this](const std::string& reply) {
    const FakeDaemon daemon(socket());
    test::Child crawl = support::start(command() + " http://host/1 http://host/2 2>/dev/null");
    {
      const Fd connection = daemon.accept();
      request_on(connection);
      write_all(connection, reply);
    }
    return crawl.wait(5s);
  };
  const std::string both = answers_to("http://host/1\nhttp://host/2\n");
  const std::string one = answers_to("http://host/1\n");
  const auto sized = [](std::size_t size) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  };
  CHECK(ended(sized(both.size()) + both) == 0);
  CHECK(ended(sized(both.size()) + one) == 3);                      // broken off
  CHECK(ended(sized(one.size()) + one) == 3);                       // ended early
  CHECK(ended(sized(both.size() + one.size()) + both + one) == 3);  // more than was asked
  CHECK(ended(sized(9) + "nonsense\n") == 3);
  CHECK(ended("") == 3);
  CHECK(ended("no HTTP\r\n\r\n") == 3);
  CHECK(ended("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nstopping\n") == 3);
}

TEST_CASE_FIXTURE(Case, "an answer cut into the smallest pieces is read as it comes") {
  const FakeDaemon daemon(socket());
  test::Child crawl = support::start(command() + " http://host/1");
  const Fd connection = daemon.accept();
  const std::string lines = answers_to(request_on(connection));
  write_all(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char c : lines) {
    write_all(connection, "1\r\n");
    write_all(connection, std::string(1, c) + "\r\n");
  }
  write_all(connection, "0\r\n\r\n");
  CHECK(crawl.wait(5s) == 0);
}

TEST_CASE("control characters cannot reach a terminal") {
  CHECK(crawler::harmless("tab\tline\nend") == "tab\tline\nend");
  CHECK(crawler::harmless("\x1b[2J\x07") == "\xef\xbf\xbd[2J\xef\xbf\xbd");
  CHECK(crawler::harmless("\r\x7f") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(crawler::harmless("a\xc2\x9b"
                          "31m") ==
        "a\xef\xbf\xbd"
        "31m");
  CHECK(crawler::harmless("\xc2\xa0\xc3\xa9 日本") == "\xc2\xa0\xc3\xa9 日本");
}

TEST_CASE_FIXTURE(Case, "a list is read in order, a part at a time, without what is no URL") {
  const std::string file = directory() + "/urls";
  support::write_file(file, "c\r\n\n  d \n# comment\n\t\ne");
  UrlList list({"a", "b"}, file);
  CHECK(list.take(3) == std::vector<std::string>{"a", "b", "c"});
  CHECK(list.take(1) == std::vector<std::string>{"d"});
  CHECK(list.may_have_more());
  CHECK(list.take(1) == std::vector<std::string>{"e"});
  CHECK(!list.may_have_more());
  CHECK(list.take(9).empty());
  CHECK_THROWS_AS(UrlList({}, directory()), std::system_error);
  ::unlink(file.c_str());
}

#include "tools/crawler/request.hpp"

#include <doctest/doctest.h>

using crawler::Outcome;
using crawler::RequestQueue;

namespace {

class FakeRequest final : public crawler::Request {
 public:
  explicit FakeRequest(std::vector<std::string> urls) : Request(std::move(urls)) {}
  std::size_t unsent() const override { return bytes; }
  std::size_t bytes = 0;
  std::vector<std::string> delivered;

 private:
  void deliver(const Outcome& outcome) override { delivered.push_back(outcome.url); }
};

std::string take_all(RequestQueue& queue, std::size_t max_unsent = 10) {
  std::string urls;
  while (const auto item = queue.take(max_unsent)) urls += item->url + " ";
  return urls;
}

}  // namespace

TEST_CASE("requests take turns, URL by URL") {
  RequestQueue queue;
  queue.add(std::make_shared<FakeRequest>(std::vector<std::string>{"a1", "a2", "a3", "a4"}));
  queue.add(std::make_shared<FakeRequest>(std::vector<std::string>{"b1"}));
  queue.add(std::make_shared<FakeRequest>(std::vector<std::string>{"c1", "c2"}));
  CHECK(queue.size() == 7);
  CHECK(take_all(queue) == "a1 b1 c1 a2 c2 a3 a4 ");
  CHECK(queue.size() == 0);
}

TEST_CASE("a request whose client does not read gets no turn, and has it again when it does") {
  RequestQueue queue;
  const auto slow = std::make_shared<FakeRequest>(std::vector<std::string>{"s1", "s2"});
  queue.add(slow);
  queue.add(std::make_shared<FakeRequest>(std::vector<std::string>{"q1", "q2"}));
  slow->bytes = 10;
  CHECK(take_all(queue) == "q1 q2 ");
  slow->bytes = 9;
  CHECK(take_all(queue) == "s1 s2 ");
}

TEST_CASE("what waits can be taken whatever has been read, and a removed request's cannot") {
  RequestQueue queue;
  const auto gone = std::make_shared<FakeRequest>(std::vector<std::string>{"g1", "g2"});
  const auto full = std::make_shared<FakeRequest>(std::vector<std::string>{"f1"});
  full->bytes = 1000;
  queue.add(gone);
  queue.add(full);
  CHECK(queue.take(10)->url == "g1");
  queue.remove(*gone);
  CHECK(queue.take_any()->url == "f1");
  CHECK_FALSE(queue.take_any());
}

TEST_CASE("a request counts down to its end") {
  FakeRequest request({"a", "b"});
  CHECK(request.open() == 2);
  Outcome outcome;
  outcome.url = "a";
  request.finish(outcome);
  CHECK(request.open() == 1);
  CHECK(request.delivered == std::vector<std::string>{"a"});
}

TEST_CASE("an empty request has no turn") {
  RequestQueue queue;
  queue.add(std::make_shared<FakeRequest>(std::vector<std::string>{}));
  CHECK_FALSE(queue.take_any());
}

TEST_CASE("malformed URLs are told from others without the network") {
  const auto problem = [](std::string_view url) { return crawler::url_problem(url, 50); };
  for (const auto* good : {"http://a", "https://a/", "HTTP://a/?q#f", "hTTps://[::1]:80/x",
                           "http://пример.рф/я", "http://a/%20"})
    CHECK(problem(good) == "");
  CHECK(problem("") == "is empty");
  CHECK(problem("a/b") == "is no http:// or https:// URL");
  CHECK(problem("ftp://a/b") == "is no http:// or https:// URL");
  CHECK(problem("http:/a") == "is no http:// or https:// URL");
  CHECK(problem("http://") == "is no http:// or https:// URL");
  CHECK(problem("http:///path") == "names no host");
  CHECK(problem("http://?q") == "names no host");
  CHECK(problem("http://a b") == "has a space or control character in it");
  CHECK(problem("http://a/\r\nHost:x") == "has a space or control character in it");
  CHECK(problem("http://a/\xff") == "is not UTF-8");
  CHECK(problem("http://a/" + std::string(50, 'x')) == "is longer than 50 bytes");
}

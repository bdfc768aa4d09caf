// The front door alone: what is asked, and what is answered.
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "tests/crawler/front_door_fixture.hpp"

using crawler::Outcome;
using support::Door;
using support::page_of;

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

TEST_CASE("an answer to HEAD has no body, which would be taken for the next answer") {
  Door door;
  for (bool tcp : {false, true}) {
    CAPTURE(tcp);
    auto client = tcp ? door.tcp_client() : door.client();
    client.request("HEAD", "/status");
    CHECK(client.receive_head().status == 405);
    client.request("HEAD", "/nothing");
    CHECK(client.receive_head().status == 404);
    CHECK(client.ask("GET", "/nothing").status == 404);
    CHECK(client.ask("GET", "/status").status == 200);
  }
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

#include "tools/crawler/http_target.hpp"

#include <doctest/doctest.h>

using crawler::is_loopback_host;
using crawler::is_own_origin;
using crawler::parse_target;

TEST_CASE("a target falls into path and query") {
  CHECK(parse_target("/text?url=x").path == "/text");
  CHECK(parse_target("/text?url=x").query == "url=x");
  CHECK(parse_target("/status").path == "/status");
  CHECK(parse_target("/status").query == "");
  CHECK(parse_target("/a?b?c").query == "b?c");
}

TEST_CASE("an encoded URL is decoded, one that was typed stands as it is") {
  const auto url = [](std::string_view target) { return parse_target(target).url(); };
  CHECK(url("/text?url=http%3A%2F%2Fa%2F%3Fx%3D1%26y%3D2&z=3") == "http://a/?x=1&y=2");
  CHECK(url("/text?z=3&url=http%3a%2f%2fa") == "http://a");
  CHECK(url("/text?url=http://a/?x=1&y=%20") == "http://a/?x=1&y=%20");
  CHECK(url("/text?url=https://a/") == "https://a/");
  CHECK(url("/text?url=") == "");
  CHECK_FALSE(url("/text"));
  CHECK_FALSE(url("/text?curl=http://a"));
  for (const auto* broken : {"%", "%4", "%4g", "%g4", "a%"})
    CHECK_FALSE(crawler::percent_decode(broken));
  CHECK(crawler::percent_decode("%00%Ff") == std::string("\0\xff", 2));
}

TEST_CASE("only this machine's own names pass as Host") {
  for (const auto* own : {"localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3",
                          "[::1]", "[::1]:80"})
    CHECK(is_loopback_host(own));
  for (const auto* foreign :
       {"", "example.org", "127.example.org", "127.0.0.1.example.org", "localhost.example.org",
        "0.0.0.0", "[::2]", "[::1", "[::1]x", "128.0.0.1", "127.0.0.1.", "127."})
    CHECK_FALSE(is_loopback_host(foreign));
}

TEST_CASE("only this machine's own pages pass as Origin") {
  CHECK(is_own_origin(""));
  CHECK(is_own_origin("http://localhost:8080"));
  CHECK_FALSE(is_own_origin("null"));
  CHECK_FALSE(is_own_origin("https://example.org"));
  CHECK_FALSE(is_own_origin("http://example.org"));
}

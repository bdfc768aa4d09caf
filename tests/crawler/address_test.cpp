#include "tools/crawler/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string>

#include <doctest/doctest.h>

namespace {

sockaddr_storage parsed(const std::string& text) {
  sockaddr_storage storage{};
  if (text.find(':') == text.npos) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    REQUIRE(::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1);
  }
  return storage;
}

}  // namespace

TEST_CASE("an address is public only if the whole internet can reach it") {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.0",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.0.9",
                           "169.254.169.254",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.0.0.8",
                           "192.0.2.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.1.1.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.1.2.3",
                           "::127.0.0.1",
                           "64:ff9b::10.0.0.1",
                           "2002:7f00:1::",
                           "2002:c0a8:101::1",
                           "2001::1",
                           "2001:db8::1",
                           "fc00::1",
                           "fd12::1",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1",
                           "100::1"}) {
    CAPTURE(text);
    const sockaddr_storage address = parsed(text);
    CHECK(crawler::is_private(reinterpret_cast<const sockaddr&>(address)));
  }
  for (const char* text :
       {"1.1.1.1",        "9.255.255.255",  "11.0.0.0",         "100.63.255.255",
        "100.128.0.0",    "126.0.0.1",      "128.0.0.1",        "169.253.0.1",
        "172.15.255.255", "172.32.0.0",     "192.0.1.1",        "192.167.0.1",
        "198.17.0.1",     "198.20.0.0",     "223.255.255.255",  "2606:4700::1111",
        "2a00:1450::1",   "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"}) {
    CAPTURE(text);
    const sockaddr_storage address = parsed(text);
    CHECK(!crawler::is_private(reinterpret_cast<const sockaddr&>(address)));
    if (std::string_view(text).find(':') == std::string_view::npos)
      CHECK(crawler::to_text(reinterpret_cast<const sockaddr&>(address)) == text);
  }
}

TEST_CASE("an address of another family is not public") {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  CHECK(crawler::is_private(reinterpret_cast<const sockaddr&>(local)));
}

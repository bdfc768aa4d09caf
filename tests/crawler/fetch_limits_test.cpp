// Downloads that must fail: each is ended by its own limit, with its own word.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include <doctest/doctest.h>

#include "tests/crawler/fetch_fixture.hpp"

using namespace fetch_test;

namespace {

/// A listening socket that answers no connection attempt any more: its queue is full.
class FullListener {
 public:
  FullListener() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, generic(), sizeof address_) == 0);
    socklen_t length = sizeof address_;
    REQUIRE(::getsockname(listener_, generic(), &length) == 0);
    // A queue of 0 holds one connection (listen(2), NOTES on the backlog).
    REQUIRE(::listen(listener_, 0) == 0);
    for (int& filler : fillers_) {
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      static_cast<void>(::connect(filler, generic(), sizeof address_));
    }
  }
  ~FullListener() {
    for (const int filler : fillers_) ::close(filler);
    ::close(listener_);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/";
  }

 private:
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }
  int listener_ = -1;
  std::array<int, 4> fillers_{};
  sockaddr_in address_{};
};

std::string closed_port_url() {
  const FullListener was_there;
  return was_there.url();
}

long peak_rss_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

TEST_CASE("each way of failing ends by its own limit with its own word, and harms no other page") {
  const SiteProcess site;
  const FullListener full;
  const std::vector<std::pair<std::string, std::string>> expected = {
      {site.url("/hostile/silence"), "first-byte-timeout"},
      {site.url("/hostile/slow-headers"), "too-slow"},
      {site.url("/hostile/slow-body"), "too-slow"},
      {site.url("/hostile/stalled-body"), "too-slow"},
      {site.url("/hostile/endless-headers"), "too-large"},
      {site.url("/hostile/endless"), "too-large"},
      {site.url("/hostile/huge"), "too-large"},
      {site.url("/hostile/gzip-bomb"), "too-large"},
      {site.url("/hostile/redirect-loop"), "redirects"},
      {site.url("/hostile/redirects/4"), "redirects"},
      {site.url("/hostile/long-redirect"), "url-too-long"},
      {site.url("/hostile/redirect-to?url=file:///etc/passwd"), "refused-scheme"},
      {site.url("/hostile/redirect-to?url=gopher://127.0.0.1/"), "refused-scheme"},
      {site.url("/hostile/redirect-to?url=http://"), "bad-url"},
      {site.url("/hostile/reset-at-once"), "reset"},
      {site.url("/hostile/reset-in-body"), "reset"},
      {site.url("/hostile/no-answer"), "no-answer"},
      {site.url("/hostile/not-http"), "not-http"},
      {site.url("/hostile/bad-gzip"), "bad-encoding"},
      {site.url("/hostile/unknown-encoding"), "bad-encoding"},
      {site.url("/hostile/length-too-long"), "truncated"},
      {site.url("/hostile/status/404"), "http-404"},
      {site.url("/hostile/status/500"), "http-500"},
      {site.url("/hostile/status/503"), "http-503"},
      {site.url("/page/501"), "http-404"},
      {site.url("/hostile/binary/pdf"), "binary"},
      {site.url("/hostile/binary/zip"), "binary"},
      {site.url("/hostile/mislabelled/pdf"), "binary"},
      {site.url("/hostile/mislabelled/png"), "binary"},
      {site.url("/hostile/mislabelled/zip"), "binary"},
      {site.url("/hostile/mislabelled/elf"), "binary"},
      {site.url("/" + std::string(5000, 'u')), "url-too-long"},
      {full.url(), "connect-timeout"},
      {closed_port_url(), "connect"},
      {"http://no-such-name.invalid/", "dns"},
      {"https://" + site.host() + "/", "tls"},
      {"ftp://127.0.0.1/file", "refused-scheme"},
      {"javascript:alert(1)", "refused-scheme"},
      {"no scheme at all", "bad-url"},
      {"", "bad-url"},
      {"http://", "bad-url"},
      {"http://host:99999/", "bad-url"},
      {"http://in valid/", "bad-url"},
      {site.url("/hostile/empty"), ""},
      {site.url("/hostile/no-type"), ""},
      {site.url("/hostile/length-too-short"), ""},
      {site.url("/hostile/redirects/3"), ""},
      {site.url("/page/1"), ""},
      {site.url("/page/2?delay=300"), ""},
  };
  std::vector<std::string> urls;
  for (const auto& [url, word] : expected) urls.push_back(url);
  Fetcher fetcher(small_limits());
  const auto results = fetch_all(fetcher, urls);
  for (const auto& [url, word] : expected) {
    CAPTURE(url.substr(0, 100));
    REQUIRE(results.count(url) == 1);
    const Fetched& result = results.at(url);
    CAPTURE(result.detail);
    CHECK(result.error == word);
    CHECK(result.detail.empty() == word.empty());
    if (!word.empty()) CHECK(result.body.empty());
    CHECK(result.took < test::allowed(4000ms));
  }
  CHECK(results.at(site.url("/page/1")).body == site::page(1, 500).body);
  CHECK(results.at(site.url("/page/2?delay=300")).body == site::page(2, 500).body);
  CHECK(results.at(site.url("/hostile/length-too-short")).body == "<p>first");
  const Fetched& redirected = results.at(site.url("/hostile/redirects/3"));
  CHECK(redirected.url == site.url("/page/1"));
  CHECK(redirected.is_redirected);
  CHECK(!results.at(site.url("/page/1")).is_redirected);
  CHECK(redirected.body == site::page(1, 500).body);
  CHECK(results.at(site.url("/hostile/status/503")).retry_after == 2s);
  CHECK(results.at(site.url("/hostile/status/503")).http_status == 503);
  CHECK(!results.at(site.url("/hostile/status/404")).retry_after);
}

TEST_CASE("limits in time are kept to within a fraction of a second") {
  const SiteProcess site;
  Limits limits = small_limits();
  limits.low_speed = 0;  // no such limit, so that the others come first
  limits.total_time = 4000ms;
  const FullListener full;
  Fetcher fetcher(limits);
  const auto results =
      fetch_all(fetcher, {site.url("/hostile/silence"), site.url("/hostile/slow-body"),
                          site.url("/hostile/slow-headers"), site.url("/page/3?delay=1000"),
                          site.url("/hostile/redirect-to?url=/page/4?delay=1000"), full.url()});
  const auto check = [&](const std::string& url, const char* word, auto least) {
    const Fetched& result = results.at(url);
    CAPTURE(url);
    CHECK(result.error == word);
    CHECK(result.took >= least);
    CHECK(result.took < least + test::allowed(400ms));
  };
  check(full.url(), "connect-timeout", 1000ms);
  check(site.url("/hostile/silence"), "first-byte-timeout", 2000ms);
  check(site.url("/hostile/slow-headers"), "timeout", 4000ms);
  check(site.url("/hostile/slow-body"), "timeout", 4000ms);
  check(site.url("/page/3?delay=1000"), "", 1000ms);
  check(site.url("/hostile/redirect-to?url=/page/4?delay=1000"), "", 1000ms);
}

TEST_CASE("private addresses are refused however they are written, unless the host is allowed") {
  const SiteProcess site;
  const std::string port = site.host().substr(site.host().find(':'));
  Limits limits = small_limits();
  limits.private_addresses = false;
  const std::vector<std::string> urls = {
      "http://127.0.0.1" + port + "/page/1",
      "http://localhost" + port + "/page/1",
      "http://2130706433" + port + "/page/1",
      "http://0x7f000001" + port + "/page/1",
      "http://0177.0.0.1" + port + "/page/1",
      "http://127.1" + port + "/page/1",
      "http://0.0.0.0" + port + "/page/1",
      "http://[::1]" + port + "/page/1",
      "http://[::ffff:127.0.0.1]" + port + "/page/1",
      "http://169.254.169.254/latest/meta-data/",
      "http://10.0.0.1/",
      "http://inside.test" + port + "/page/1",
  };
  Fetcher strict(limits);
  for (const auto& [url, result] : fetch_all(strict, urls)) {
    CAPTURE(url);
    CAPTURE(result.detail);
    CHECK(result.error == "private-address");
  }
  CHECK(site.stats().at("requests").as_int64() == 0);

  limits.allow_hosts = {site.host()};
  Fetcher allowing(limits);
  CHECK(fetch(allowing, site.url("/page/1")).error == "");
  CHECK(fetch(allowing, site.url("/page/1")).error == "");  // over the same connection
  CHECK(fetch(allowing, "http://localhost" + port + "/page/2").error == "private-address");
  CHECK(fetch(allowing, site.url("/hostile/redirect-to?url=http://localhost" + port + "/page/2"))
            .error == "private-address");
  CHECK(site.stats().at("paths").as_object().contains("/page/2") == false);
}

TEST_CASE("a decompression bomb is stopped before it fills the memory") {
  const SiteProcess site;
  Limits limits = small_limits();
  limits.max_body = 4 << 20;
  const long before = peak_rss_kib();
  const Fetched result = fetch(limits, site.url("/hostile/gzip-bomb"));
  CHECK(result.error == "too-large");
  CHECK(result.took < test::allowed(3000ms));
  CHECK(peak_rss_kib() - before < 32 << 10);
}

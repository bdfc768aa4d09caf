#include "tools/crawler/extract.hpp"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "tools/crawler/content_type.hpp"
#include "tools/crawler/url.hpp"

namespace {

using namespace std::string_view_literals;
using crawler::extract_text;
using crawler::parse_content_type;
using crawler::parse_url;
using crawler::resolve_url;

}  // namespace

TEST_CASE("the content type decides whether there are tags") {
  std::string_view page = "<p>a &amp; b</p>";
  CHECK(extract_text(page, "text/html").text == "a & b");
  CHECK(extract_text(page, "TEXT/HTML;charset=utf-8").text == "a & b");
  CHECK(extract_text(page, "application/xhtml+xml").text == "a & b");
  CHECK(extract_text(page, "application/xml").text == "a & b");
  CHECK(extract_text(page, "text/plain").text == page);
  CHECK(extract_text(page, "application/json").text == page);
  CHECK(extract_text(page, "").text == "a & b");
  CHECK(extract_text(" plain < text", "").text == " plain < text");
  CHECK(extract_text("\xEF\xBB\xBF<p>a", "").text == "a");
  CHECK(extract_text("", "").text == "");
}

TEST_CASE("plain text is kept but for its line ends") {
  CHECK(extract_text(" a\r\nb\rc\n\n d\0"sv, "text/plain").text == " a\nb\nc\n\n d");
  CHECK(extract_text("<meta charset=koi8-r>\xC3\xA4", "text/plain").text ==
        "<meta charset=koi8-r>\xC3\xA4");
  crawler::ExtractOptions options;
  options.max_text = 3;
  crawler::Text text = extract_text("ab\xC3\xA4", "text/plain", options);
  CHECK(text.text == "ab");
  CHECK(text.is_truncated);
}

TEST_CASE("the caller may know the encoding better") {
  crawler::ExtractOptions options;
  options.encoding = crawler::Encoding::koi8_r;
  crawler::Text text =
      extract_text("<meta charset=utf-8>\xC1", "text/html; charset=utf-8", options);
  CHECK(text.text == "а");
  CHECK(text.charset == "KOI8-R");
  CHECK(text.charset_source == "given");
}

TEST_CASE("links are joined with the page's base") {
  crawler::ExtractOptions options;
  options.max_links = 10;
  options.url = "http://h.example/dir/page.html";
  options.resolve = resolve_url;
  std::string_view links =
      "<a href=x>1</a><a href='../y?a=1&amp;b=2#f'>2</a><a href=//o.example/z>"
      "<a href=mailto:me><a href='javascript:x()'><a href=''>";
  CHECK(extract_text(links, "text/html", options).links ==
        std::vector<std::string>{"http://h.example/dir/x", "http://h.example/y?a=1&b=2",
                                 "http://o.example/z", "http://h.example/dir/page.html"});
  std::string based = std::string(links) + "<base href=/other/><base href=/third/>";
  CHECK(extract_text(based, "text/html", options).links[0] == "http://h.example/other/x");
  std::string broken = std::string(links) + "<base href='mailto:x'>";
  CHECK(extract_text(broken, "text/html", options).links[0] == "http://h.example/dir/x");
  options.resolve = nullptr;
  CHECK(extract_text(links, "text/html", options).links[3] == "mailto:me");
}

TEST_CASE("the Content-Type field is read leniently") {
  auto charset = [](std::string_view field) { return parse_content_type(field).charset; };
  CHECK(parse_content_type(" Text/HTML ; x=y").type == "text/html");
  CHECK(parse_content_type("").type == "");
  CHECK(parse_content_type("nonsense").type == "");
  CHECK(charset("text/html;charset=utf-8") == "utf-8");
  CHECK(charset("text/html; a=b; Charset = \"koi8-r\" ; charset=x") == "koi8-r");
  CHECK(charset("text/html; charset=\"a\\\"b\"") == "a\"b");
  CHECK(charset("text/html; x=\"; charset=y\"; charset=z") == "z");
  CHECK(charset("text/html; charset") == "");
  CHECK(charset("text/html; charset=") == "");
  CHECK(charset("text/html; charset=\"open") == "open");
  CHECK(charset(";;;=;charset=a") == "a");
}

TEST_CASE("absolute http URLs are taken and normalised") {
  auto url = parse_url("HTTP://Host.Example:80/a/../b c?d#e");
  REQUIRE(url);
  CHECK(url->text == "http://host.example/b%20c?d");
  CHECK(url->scheme == "http");
  CHECK(url->host == "host.example");
  CHECK(url->port == 80);
  url = parse_url("https://[::1]:8443");
  REQUIRE(url);
  CHECK(url->text == "https://[::1]:8443/");
  CHECK(url->host == "::1");
  CHECK(url->port == 8443);
  CHECK(parse_url("https://h/")->port == 443);
  for (std::string_view wrong :
       {""sv, "h"sv, "/path"sv, "//h/"sv, "http:/h"sv, "http://"sv, "ftp://h/"sv,
        "file:///etc/passwd"sv, "javascript:x"sv, "http://u:p@h/"sv, "http://u@h/"sv,
        "http://h:99999/"sv, "http://h:0/"sv, "http://h/\n"sv, "http://h/\0"sv, "://h"sv}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_url(wrong));
  }
  CHECK_FALSE(parse_url("http://h/" + std::string(crawler::max_url, 'x')));
}

TEST_CASE("references are resolved as RFC 3986 5.4 says") {
  struct Case {
    std::string_view reference, result;
  };
  for (const Case& test : {
           Case{"g", "http://a/b/c/g"},
           Case{"./g", "http://a/b/c/g"},
           Case{"g/", "http://a/b/c/g/"},
           Case{"/g", "http://a/g"},
           Case{"//g", "http://g/"},
           Case{"?y", "http://a/b/c/d;p?y"},
           Case{"g?y", "http://a/b/c/g?y"},
           Case{"#s", "http://a/b/c/d;p?q"},
           Case{"g#s", "http://a/b/c/g"},
           Case{";x", "http://a/b/c/;x"},
           Case{"", "http://a/b/c/d;p?q"},
           Case{".", "http://a/b/c/"},
           Case{"..", "http://a/b/"},
           Case{"../g", "http://a/b/g"},
           Case{"../..", "http://a/"},
           Case{"../../g", "http://a/g"},
           Case{"../../../g", "http://a/g"},
           Case{"/./g", "http://a/g"},
           Case{"/../g", "http://a/g"},
           Case{"./../g", "http://a/b/g"},
           Case{"g;x=1/../y", "http://a/b/c/y"},
           Case{"  g\n ", "http://a/b/c/g"},
           Case{"https://h/x", "https://h/x"},
           Case{"mailto:x", ""},
           Case{"g:h", ""},
           Case{"http://u:p@h/", ""},
       }) {
    CAPTURE(test.reference);
    CHECK(resolve_url("http://a/b/c/d;p?q", test.reference) == test.result);
  }
  CHECK(resolve_url("nonsense", "g") == "");
  CHECK(resolve_url("", "http://h/") == "http://h/");
}

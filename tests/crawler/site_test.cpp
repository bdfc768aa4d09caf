// The demo site itself: what the other tests take for granted.
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "tests/crawler/site_process.hpp"
#include "tests/site/encodings.hpp"
#include "tests/site/pages.hpp"

TEST_CASE("a page carries its marker and its sentences in the character set that it names") {
  std::set<std::string_view> charsets;
  std::set<std::string> markers;
  for (unsigned number = 1; number <= 500; ++number) {
    const site::Page page = site::page(number, 500);
    charsets.insert(page.charset);
    markers.insert(page.marker);
    const char* const iconv_name = page.charset == "us-ascii" ? "US-ASCII" : nullptr;
    if (page.charset == "utf-8" || iconv_name != nullptr) {
      CHECK(page.body.find(page.marker) != std::string::npos);
      for (const std::string_view sentence : page.sentences)
        CHECK(page.body.find(sentence) != std::string::npos);
    } else if (page.charset == "koi8-r") {
      CHECK(page.body.find(site::in_charset(page.sentences[0], "KOI8-R")) != std::string::npos);
    } else if (page.charset == "utf-16le") {
      CHECK(page.body.find(site::in_charset(page.sentences[0], "UTF-16LE")) != std::string::npos);
    }
  }
  CHECK(markers.size() == 500);
  CHECK(charsets.size() >= 15);
}

TEST_CASE("a text that a character set lacks is refused") {
  CHECK_THROWS_AS(site::in_charset("日本", "ISO-8859-1"), std::runtime_error);
  CHECK_THROWS_AS(site::in_charset("x", "no-such-set"), std::runtime_error);
}

TEST_CASE("the site counts what it is asked for, and ends with its lifeline") {
  const support::SiteProcess site(10);
  CHECK(site.stats().at("requests").as_int64() == 0);
  CHECK(site.stats().at("connections").as_int64() >= 1);
}

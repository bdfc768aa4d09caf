#include "tools/crawler/sniff.hpp"

#include <string>

#include <doctest/doctest.h>

#include "tests/site/encodings.hpp"
#include "tests/site/pages.hpp"

using crawler::is_text_type;
using crawler::looks_binary;
using namespace std::string_view_literals;

TEST_CASE("text types are those that have text, however they are written") {
  for (const char* type : {"", "text/html", "TEXT/HTML; charset=x", "text/plain ;x", "text/css",
                           "application/xhtml+xml", "application/xml", "application/rss+xml",
                           "image/svg+xml", "application/json", "application/ld+json"})
    CHECK_MESSAGE(is_text_type(type), type);
  for (const char* type : {"application/pdf", "image/png", "video/mp4", "application/octet-stream",
                           "application/zip", "font/woff2", "texthtml", "application/x; text/html"})
    CHECK_MESSAGE(!is_text_type(type), type);
}

TEST_CASE("the demo site's pages are text in every character set") {
  for (unsigned number = 1; number <= 63; ++number) {
    const site::Page page = site::page(number, 63);
    CAPTURE(number);
    CHECK(!looks_binary(page.body, page.content_type));
  }
}

TEST_CASE("control characters and signatures tell what is no text") {
  CHECK(looks_binary("%PDF-1.4 all ASCII from here"sv, "text/html"));
  CHECK(looks_binary("\x89PNG\r\n\x1a\nxx"sv, ""));
  CHECK(looks_binary("RIFF\x10\x20\x30\x40WEBPVP8 "sv, ""));
  CHECK(looks_binary("some\0thing"sv, "text/html"));
  CHECK(looks_binary("bell\x07"sv, "text/plain"));
  CHECK(!looks_binary(""sv, ""));
  CHECK(!looks_binary("tab\tline\r\nfeed\f and \x1b$B escape of ISO-2022-JP"sv, ""));
  CHECK(!looks_binary("PK is how his letters ended, RIFF too"sv, ""));
  CHECK(!looks_binary("caf\xe9"sv, ""));
  // What comes later does not count.
  CHECK(!looks_binary(std::string(crawler::sniff_length, 'a') + std::string(9, '\0'), ""));
}

TEST_CASE("UTF-16 is known by its mark, its label or the place of its NULs") {
  const std::string latin = site::in_charset("<p>plain words</p>", "UTF-16LE");
  CHECK(!looks_binary(latin, "text/html"));
  CHECK(!looks_binary(site::in_charset("<p>слова и words</p>", "UTF-16BE"), "text/html"));
  CHECK(!looks_binary("\xff\xfe\x07\x30"sv, "text/html"));
  const std::string japanese = site::in_charset("いろは", "UTF-16BE") + std::string("\x30\x07", 2);
  CHECK(!looks_binary(japanese, "text/html; charset=UTF-16BE"));
  CHECK(looks_binary(latin + std::string(40, '\0'), "text/html"));
}

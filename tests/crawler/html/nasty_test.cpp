// Pages made to hurt: each must be read in under a second and in 64 MiB beyond the page.
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "tools/crawler/charset/utf8.hpp"
#include "tools/crawler/extract.hpp"

namespace {

// Sanitizers cost both and so does a build for the debugger; the figures are those of a program as it is
// used.
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_measured = false;
#else
constexpr bool is_measured = true;
#endif

// In seconds of this process alone: on a busy machine the clock on the wall tells of the others.
double processor_time() {
  return static_cast<double>(std::clock()) / static_cast<double>(CLOCKS_PER_SEC);
}

std::string repeat(std::string_view piece, std::size_t count) {
  std::string text;
  text.reserve(piece.size() * count);
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

// In KiB: what the process has at most had in memory since reset_peak.
long peak() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    long size = 0;
    if (word == "VmHWM:" && status >> size) return size;
  }
  return 0;
}

// See clear_refs in proc(5).
void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

crawler::Text read(const std::string& page) {
  reset_peak();
  long before = peak();
  double start = processor_time();
  crawler::ExtractOptions options;
  options.max_links = 100'000;
  options.max_text = std::size_t{64} << 20;
  crawler::Text text = crawler::extract_text(page, "text/html", options);
  double spent = processor_time() - start;
  long grown = peak() - before;
  MESSAGE("page of ", page.size() / 1000, " kB in ", spent * 1000, " ms, ", grown, " KiB");
  if (is_measured) {
    CHECK(spent < 1.0);
    CHECK(grown < 64 * 1024);
  }
  CHECK(crawler::is_valid_utf8(text.text));
  return text;
}

// A tenth where it is slow and not measured.
constexpr std::size_t million = is_measured ? 1'000'000 : 100'000;
constexpr std::size_t ten_million = 10 * million;

}  // namespace

TEST_CASE("deep nesting") {
  for (std::string_view tag : {"<div>", "<b>", "<ul><li>", "<svg>", "<template>", "<table><tr><td>",
                               "<span>", "<math><mi>", "<svg><foreignObject>", "<pre>"}) {
    CAPTURE(tag);
    read(repeat(tag, million / 10) + "x");
    read(repeat(tag, million / 10) + "x" +
         repeat("</div></b></li></span></svg></pre>", million / 10));
  }
  read("<select>" + repeat("<option>x", million / 10));
  read(repeat("<font color=red size=1 face=x>", million / 10) + "x");
  CHECK(read(repeat("<b><div>", 20'000) + "x").text == "x");
}

TEST_CASE("many attributes on one tag") {
  for (std::string_view tag : {"<div", "<a", "<html"}) {
    std::string page(tag);
    for (int i = 0; i < 50'000; ++i) page.append(" a").append(std::to_string(i)).append("=x");
    CHECK(read(page + ">x").text == "x");
  }
}

TEST_CASE("many references and what nearly is one") {
  CHECK(read(repeat("&", million)).text.size() == million);
  CHECK(read(repeat("&not", million / 2)).text.size() == million);
  CHECK(read(repeat("&CounterClockwiseContourIntegral", million / 10)).text.size() ==
        million / 10 * 32);
  read(repeat("&#", million));
  read("&#" + repeat("9", ten_million));
  read("<a href='" + repeat("&", million) + "'>");
  read("<a href='" + repeat("&not", million / 2));
}

TEST_CASE("what never ends") {
  CHECK(read("a<!--" + repeat("x", ten_million)).text == "a");
  CHECK(read("a<!--" + repeat("-", ten_million)).text == "a");
  CHECK(read("a<!--" + repeat("--!", ten_million / 3)).text == "a");
  CHECK(read("a<script>" + repeat("x", ten_million)).text == "a");
  CHECK(read("a<script><!--" + repeat("<script>", ten_million / 8)).text == "a");
  CHECK(read("a<script>" + repeat("</", ten_million / 2)).text == "a");
  CHECK(read("a<script>" + repeat("</scrip", ten_million / 7)).text == "a");
  CHECK(read("a<a href=\"" + repeat("x", ten_million)).text == "a");
  CHECK(read("a<b title=\"" + repeat("x", ten_million)).text == "a");
  CHECK(read("a<b " + repeat("x", ten_million)).text == "a");
  CHECK(read("a<b " + repeat("=", ten_million)).text == "a");
  CHECK(read("a<b" + repeat("x", ten_million)).text == "a");
  CHECK(read("a<!DOCTYPE " + repeat("x", ten_million)).text == "a");
  CHECK(read("a<svg><![CDATA[" + repeat("]", ten_million)).text.size() == ten_million + 1);
  CHECK(read("<title>" + repeat("x", ten_million)).text == "");
  CHECK(read("<textarea>" + repeat("</textare", ten_million / 9)).text.size() > 9 * million);
}

TEST_CASE("many of what is small") {
  CHECK(read(repeat("<", million)).text.size() == million);
  read(repeat("</", million));
  read(repeat("<!", million));
  read(repeat("<a", million));
  read(repeat("<a>", million));
  read(repeat("<a href=x>", million));
  read(repeat("<br>", million) + "x");
  read(repeat("<td>", million) + "x");
  read("x" + repeat("<br><td>", million) + "x");
  read("<pre>" + repeat("\n", million) + "x");
  read(repeat("\r", million));
  read(repeat("\r\n", million));
  read(repeat("x ", million));
  read(repeat("x  ", million));
  read(repeat("x\n", million));
  read(repeat(" ", ten_million));
  read("<title>" + repeat("x  ", million));
}

TEST_CASE("bytes that are no text") {
  CHECK(read("<p>" + std::string(ten_million, '\0')).text.empty());
  read("<p>" + repeat("\xFF\xC3", ten_million / 2));
  read("<meta charset=utf-8>" + repeat("\xFF", 2 * million));
  read("<meta charset=utf-8>" + repeat("\xF0\x9F\x98", million));
  read("<meta charset=gb18030>" + repeat("\xFF", 2 * million));
  read("<meta charset=shift_jis>" + repeat("\x81\xFF", 2 * million));
  read("<meta charset=iso-2022-jp>" + repeat("\x1B$B\xFF", million));
}

TEST_CASE("a page of 50 MB") {
  std::string section =
      "<div class=\"section\"><h2 id=\"s1\">A heading</h2>\n<p>Some text with <a "
      "href=\"page.html\">"
      "a link</a>, <code>code</code> &amp; more of it, to the end of the paragraph.</p></div>\n";
  CHECK(read(repeat(section, 50 * million / section.size())).text.size() > ten_million);
}

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "tools/crawler/html/text_sink.hpp"

namespace {

using namespace std::string_view_literals;
using crawler::html::PageText;
using crawler::html::TextOptions;

PageText read(std::string_view page, const TextOptions& options = {},
              std::size_t piece = std::string_view::npos / 2) {
  crawler::html::TextSink sink(options);
  crawler::html::Tokenizer tokenizer(sink);
  for (std::size_t i = 0; i < page.size(); i += piece) tokenizer.feed(page.substr(i, piece));
  tokenizer.finish();
  return sink.take();
}

// The same, whole or byte by byte.
std::string text(std::string_view page, const TextOptions& options = {}) {
  std::string whole = read(page, options).text;
  CHECK(read(page, options, 1).text == whole);
  return whole;
}

}  // namespace

TEST_CASE("tags go, text stays") {
  CHECK(text("") == "");
  CHECK(text("plain") == "plain");
  CHECK(text("a <b>bold</b> <i>word</i>.") == "a bold word.");
  CHECK(text("<!DOCTYPE html><!-- c -->x<!-- <p>d</p> -->y") == "xy");
  CHECK(text("1 < 2 > 0 <3") == "1 < 2 > 0 <3");
  CHECK(text("a<unknown-element x='>'>b</unknown-element>c") == "abc");
}

TEST_CASE("references are decoded once") {
  CHECK(text("&lt;script&gt;x&lt;/script&gt;") == "<script>x</script>");
  CHECK(text("&amp;lt;b&amp;gt;") == "&lt;b&gt;");
  CHECK(text("&auml;&#228;&#xE4;") == "\xC3\xA4\xC3\xA4\xC3\xA4");
  CHECK(text("a&nbsp;&nbsp;b") ==
        "a\xC2\xA0\xC2\xA0"
        "b");
}

TEST_CASE("what is no text is gone") {
  CHECK(text("a<script>if (1 < 2) document.write('<p>x</p>')</script>b") == "ab");
  CHECK(text("a<script><!-- x --></script>b<SCRIPT type=x>y</SCRIPT >c") == "abc");
  CHECK(text("a<script><!--<script>x</script>y</script>b") == "ab");
  CHECK(text("a<script><!--<script>x</script>b") == "a");
  CHECK(text("a<script>never closed <p>x</p>") == "a");
  CHECK(text("a<script/>b</script>c") == "ac");
  CHECK(text("a<style>p { color: red }</style>b") == "ab");
  CHECK(text("a<noscript><p>x</p></noscript>b") == "ab");
  CHECK(text("a<iframe><p>x</p></iframe>b<noframes>x</noframes>c<noembed>x</noembed>d") == "abcd");
  CHECK(text("a<template>x<template>y</template><script>z</script>x</template>b") == "ab");
  CHECK(text("a<datalist><option>x</datalist>b") == "ab");
  CHECK(text("<head><title>t</title><meta name=x content=y></head>a") == "a");
  CHECK(text("a<input value=x><img alt=y src=z>b") == "ab");
  CHECK(text("a<p title='<b>x</b>'>b</p>") == "a\n\nb");
  CHECK(text("a</script>b</style>c") == "abc");
}

TEST_CASE("noscript and alternative text are there for whoever asks") {
  TextOptions options;
  options.keeps_noscript = true;
  options.keeps_alt = true;
  CHECK(text("a<noscript><p>x &amp; y</p></noscript>b", options) == "a\n\nx & y\n\nb");
  CHECK(text("a <img src=x alt='a  &lt;picture&gt;'> b<img alt=''>", options) == "a a <picture> b");
  CHECK(text("<img alt=x") == "");
}

TEST_CASE("blocks stand on lines of their own") {
  CHECK(text("<p>a</p><p>b</p>") == "a\n\nb");
  CHECK(text("<p>a<p>b") == "a\n\nb");
  CHECK(text("<div>a</div><div>b</div>") == "a\nb");
  CHECK(text("a<div>b</div>c") == "a\nb\nc");
  CHECK(text("<div><div><div>a</div></div></div><div>b</div>") == "a\nb");
  CHECK(text("<h1>a</h1>b<section>c</section><article>d</article>") == "a\nb\nc\nd");
  CHECK(text("<ul><li>a<li>b</li></ul><ol><li>c</ol>") == "a\nb\nc");
  CHECK(text("<dl><dt>a<dd>b</dl>c") == "a\nb\nc");
  CHECK(text("a<hr>b") == "a\nb");
  CHECK(text("<blockquote>a</blockquote>b<address>c</address>") == "a\nb\nc");
  CHECK(text("<select><option>a<option>b</select>") == "a\nb");
  CHECK(text("a<br>b<br><br>c<br/>d</br>e") == "a\nb\n\nc\nd\ne");
  CHECK(text("<p>a<br></p><p>b") == "a\n\n\nb");
  CHECK(text("<br><p>a</p><br>") == "a");
  CHECK(text("a<span>b</span><em>c</em><a href=x>d</a>") == "abcd");
}

TEST_CASE("white space is folded") {
  CHECK(text("  a \t\n b  ") == "a b");
  CHECK(text("a <b> b </b> c") == "a b c");
  CHECK(text("a <p> b </p> c") == "a\n\nb\n\nc");
  CHECK(text("a \n<br>\n b") == "a\nb");
  CHECK(text("<b>a</b>\n<b>b</b>") == "a b");
  CHECK(text("a<!-- x --> <!-- y --> b") == "a b");
  CHECK(text("a<script>x</script> <style>y</style> b") == "a b");
  CHECK(text("a\fb&#13;c&#9;d") == "a b c d");
  CHECK(text("a\r\nb\rc") == "a b c");
  CHECK(text("abcdefghijklmno  pqrstuvwxyz and so on,  to more than sixteen") ==
        "abcdefghijklmno pqrstuvwxyz and so on, to more than sixteen");
  for (std::size_t size = 1; size < 70; ++size) {
    std::string word(size, 'x');
    CHECK(text(word + "  " + word + " \n") == word + " " + word);
  }
}

TEST_CASE("control characters are dropped") {
  CHECK(text("a\0b\x1B[31mc\x07"sv) == "ab[31mc");
  CHECK(text("<pre>a\0\x1B"
             "b\tc</pre>"sv) == "ab\tc");
}

TEST_CASE("preformatted text keeps its white space") {
  CHECK(text("<pre>  a\n    b  c\n</pre>") == "  a\n    b  c");
  CHECK(text("<pre>\na\n\n\nb</pre>c") == "a\n\n\nb\nc");
  CHECK(text("<pre>\r\na</pre>") == "a");
  CHECK(text("x<pre>\n\na</pre>") == "x\n\na");
  CHECK(text("x<pre><!-- -->\na</pre>") == "x\n\na");
  CHECK(text("x<pre>a\n</pre>y") == "x\na\ny");
  CHECK(text("x<pre>a\n\n</pre>y") == "x\na\n\ny");
  CHECK(text("<pre>a <b> b</b>\n</pre>  y  z") == "a  b\ny z");
  CHECK(text("<pre>a<br>b</pre>") == "a\nb");
  CHECK(text("<pre><pre>  a</pre>  b</pre>  c") == "  a\n  b\nc");
  CHECK(text("<pre>&lt;b&gt;\n&amp;</pre>") == "<b>\n&");
  CHECK(text("<textarea>\n a\n  <b> &lt;</textarea> c") == " a\n  <b> < c");
  CHECK(text("<xmp>\n <b>&lt;</xmp>") == " <b>&lt;");
  CHECK(text("<listing>\n a</listing>") == " a");
  CHECK(text("a<plaintext> <b>  c</plaintext>") == "a\n <b>  c</plaintext>");
  CHECK(text("</pre>a  b") == "a b");
}

TEST_CASE("cells are set apart by tabs and rows by lines") {
  CHECK(text("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>e") ==
        "a\tb\nc\td\ne");
  CHECK(text("<table>\n<tr>\n<th> a </th>\n<td> b </td>\n</tr>\n</table>") == "a\tb");
  CHECK(text("<table><tr><td>a<td>b<tr><td>c<td>d</table>") == "a\tb\nc\td");
  CHECK(text("<table><tr><td></td><td>b</td><td></td><td>d</td><td></td></tr></table>") ==
        "b\t\td");
  CHECK(text("x<table><tr><td></td><td>b</td></tr></table>") == "x\n\tb");
  CHECK(text("<table><tr><td><p>a</p></td><td><div>b</div><div>c</div></td></tr></table>") ==
        "a\tb\nc");
  CHECK(text("<table><caption>x</caption><thead><tr><th>a</thead><tbody><tr><td>b</table>") ==
        "x\na\nb");
  CHECK(text("<table><tr><td>a</td></tr></table><table><tr><td>b</td></tr></table>") == "a\nb");
  CHECK(text("<table><tr><td>a<table><tr><td>b</table><td>c</table>d") == "a\nb\nc\nd");
  CHECK(text("a<td>b") == "a\nb");
}

TEST_CASE("SVG and MathML have their own rules") {
  CHECK(text("<svg><title>x</title><style>y</style><text>a</text><text>b</text></svg>c") ==
        "a\nbc");
  CHECK(text("<svg><script>x</script><desc>y</desc></svg>a") == "a");
  CHECK(text("<svg><style>x<p>a") == "a");
  CHECK(text("<svg><style>x</svg>a") == "a");
  CHECK(text("<svg><style/>a</svg>b") == "ab");
  CHECK(text("<svg><![CDATA[a<b>]]></svg>") == "a<b>");
  CHECK(text("<svg><foreignObject><p>a</p><script><b></script></foreignObject></svg>b") ==
        "a\n\nb");
  CHECK(text("<math><mi>x</mi><mo>=</mo><mn>1</mn><annotation>x=1</annotation></math>!") == "x=1!");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<svg><foreignObject>";
  CHECK(text(deep + "<p>a") == "a");
}

TEST_CASE("the title is that of the page") {
  CHECK(read("<title> A &amp;\n B </title>x<title>C</title>").title == "A & B");
  CHECK(read("<svg><title>x</title></svg><title>a</title>").title == "a");
  CHECK(read("<template><title>x</title></template><title>a").title == "a");
  CHECK(read("<title><b>a</b></title>").title == "<b>a</b>");
  CHECK(read("a").title == "");
  std::string long_title(10'000, 'x');
  CHECK(read("<title>" + long_title).title.size() == crawler::html::TextSink::max_title);
}

TEST_CASE("the language is that of the html element") {
  CHECK(read("<html lang=de-AT class=x><p lang=en>a").language == "de-AT");
  CHECK(read("<html xml:lang='fr'>a").language == "fr");
  CHECK(read("<html class=x>a").language == "");
  CHECK(read("<html LANG=en lang=de>a").language == "en");
  CHECK(read("<html lang=en").language == "");
}

TEST_CASE("links are those of a and area, as written") {
  TextOptions options;
  options.max_links = 4;
  PageText page = read(
      "<base href=/b/><base href=/c/><a href=1>x</a><a name=n>y</a><AREA HREF='2&amp;3'>"
      "<link href=x><a href=''>z</a><script><a href=s></script><template><a href=t></template>"
      "<svg><a href=4 /></svg><a href=5><a href=",
      options);
  CHECK(page.base == "/b/");
  REQUIRE(page.links.size() == 4);
  CHECK(page.links[0] == "1");
  CHECK(page.links[1] == "2&3");
  CHECK(page.links[2] == "");
  CHECK(page.links[3] == "4");
  CHECK(read("<a href=1>").links.empty());
  CHECK(read("<a href=1 href=2 id=3>", options).links == std::vector<std::string>{"1"});
  CHECK(read("<a id=x href=1>", options).links == std::vector<std::string>{"1"});
  std::string long_link(9000, 'x');
  CHECK(read("<a href=" + long_link + "><a href=1>", options).links ==
        std::vector<std::string>{"1"});
}

TEST_CASE("the text is cut between characters") {
  TextOptions options;
  options.max_text = 5;
  PageText page = read("<p>abc\xC3\xA4\xC3\xB6<p>x", options);
  CHECK(page.text == "abc\xC3\xA4");
  CHECK(page.is_truncated);
  options.max_text = 4;
  CHECK(read("<p>abc\xC3\xA4\xC3\xB6", options).text == "abc");
  CHECK(read("<pre>abc\xC3\xA4\xC3\xB6", options).text == "abc");
  CHECK_FALSE(read("abcd", options).is_truncated);
  CHECK(read("abcd", options).text == "abcd");
}

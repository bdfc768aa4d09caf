#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "tests/crawler/html/tokens.hpp"

namespace {

using namespace std::string_view_literals;
using crawler::html::ContentModel;
using crawler::html::Start;
using crawler::html::TokenCollector;
using crawler::html::tokens_of;

struct Case {
  std::string_view input;
  std::string_view tokens;
};

// Each case as a whole, byte by byte and in pieces of three; and all its beginnings, which end in every
// state there is, must give the same tokens however they are cut.
void check(const std::vector<Case>& cases, const Start& start = {}) {
  for (const Case& test : cases) {
    CAPTURE(test.input);
    CHECK(tokens_of(test.input, start) == test.tokens);
    for (std::size_t size = 1; size <= test.input.size(); ++size) {
      std::string_view beginning = test.input.substr(0, size);
      std::string whole = tokens_of(beginning, start);
      CHECK(tokens_of(beginning, start, 1) == whole);
      CHECK(tokens_of(beginning, start, 3) == whole);
    }
  }
}

}  // namespace

TEST_CASE("text and tags") {
  check({
      {"", ""},
      {"plain", "'plain'"},
      {"a<b>c</b>d", "'a'<b>'c'</b>'d'"},
      {"<", "'<'"},
      {"a<", "'a<'"},
      {"</", "'</'"},
      {"a < b", "'a < b'"},
      {"<3", "'<3'"},
      {"<<b>", "'<'<b>"},
      {"</>x", "'x'"},
      {"</ x>y", "<!-- x-->'y'"},
      {"</3>", "<!--3-->"},
      {"<?php x?>y", "<!--?php x?-->'y'"},
      {"<DIV></Div>", "<div></div>"},
      {"<x-y:z>", "<x-y:z>"},
      {"<a\0b>"sv,
       "<a\xEF\xBF\xBD"
       "b>"},
      {"a\0b"sv, "'a\0b'"sv},
      {"<b", ""},
      {"x<b ", "'x'"},
      {"x<b c", "'x'"},
      {"x</b", "'x'"},
      {"<br/>", "<br/>"},
      {"<br />", "<br/>"},
      {"<br/ >", "<br>"},
      {"<br/x>", "<br x=\"\">"},
      {"</br/>", "</br>"},
      {"<br/", ""},
      {"\xC3\xA4<\xC3\xB6>", "'\xC3\xA4<\xC3\xB6>'"},
  });
}

TEST_CASE("a tag name is read to its end, however long it is") {
  std::string name(1000, 'x');
  check({{"<" + name + ">", "<" + name + ">"}});
  check({{"<" + name + "\r\nid=1>", "<" + name + " id=\"1\">"}});
}

TEST_CASE("line ends become line feeds") {
  check({
      {"a\r\nb\rc\nd", "'a\nb\nc\nd'"},
      {"\r\r\n\r", "'\n\n\n'"},
      {"<a\rb='\r\n'>", "<a b=\"\n\">"},
      {"<!--\r\n-->", "<!--\n-->"},
  });
}

TEST_CASE("attributes") {
  check({
      {"<a b>", "<a b=\"\">"},
      {"<a b c>", "<a b=\"\" c=\"\">"},
      {"<a b=>", "<a b=\"\">"},
      {"<a b=\"c\">", "<a b=\"c\">"},
      {"<a b='c'>", "<a b=\"c\">"},
      {"<a b=c>", "<a b=\"c\">"},
      {"<a b = c d>", "<a b=\"c\" d=\"\">"},
      {"<a b  =\t'c'>", "<a b=\"c\">"},
      {"<a b='c'd='e'>", "<a b=\"c\" d=\"e\">"},
      {"<a b='c'/>", "<a b=\"c\"/>"},
      {"<a b=\"c\"/d>", "<a b=\"c\" d=\"\">"},
      {"<a b=c/>", "<a b=\"c/\">"},
      {"<a b=c/ >", "<a b=\"c/\">"},
      {"<a b=''>", "<a b=\"\">"},
      {"<a B=C>", "<a b=\"C\">"},
      {"<a b=1 B=2>", "<a b=\"1\">"},
      {"<a =b>", "<a =b=\"\">"},
      {"<a ==b>", "<a ==\"b\">"},
      {"<a b/=c>", "<a b=\"\" =c=\"\">"},
      {"<a b\"'<=c>", "<a b\"'<=\"c\">"},
      {"<a b=c\"'<=`>", "<a b=\"c\"'<=`\">"},
      {"<a b='>'>", "<a b=\">\">"},
      {"<a \0b=\0 c=\"\0\" d='\0'>"sv,
       "<a \xEF\xBF\xBD"
       "b=\"\xEF\xBF\xBD\" c=\"\xEF\xBF\xBD\" d=\"\xEF\xBF\xBD\">"},
      {"</a b=c>", "</a>"},
      {"<a b=\"c", ""},
      {"<a b='c", ""},
      {"<a b=c", ""},
      {"<a b=", ""},
      {"<a b ", ""},
      {"<a b=\"c\"", ""},
      {"<a\n\tb\f=\nc\n>", "<a b=\"c\">"},
  });
}

TEST_CASE("character references") {
  check({
      {"&", "'&'"},
      {"&;", "'&;'"},
      {"& ", "'& '"},
      {"&<b>", "'&'<b>"},
      {"&&amp;", "'&&'"},
      {"&amp;lt;", "'&lt;'"},
      {"&lt;b&gt;", "'<b>'"},
      {"&amp", "'&'"},
      {"&ampx", "'&x'"},
      {"&notit;", "'\xC2\xACit;'"},
      {"&notin;", "'\xE2\x88\x89'"},
      {"&no", "'&no'"},
      {"&nosuch;", "'&nosuch;'"},
      {"&nGt;", "'\xE2\x89\xAB\xE2\x83\x92'"},
      {"&CounterClockwiseContourIntegral;", "'\xE2\x88\xB3'"},
      {"&CounterClockwiseContourIntegralX", "'&CounterClockwiseContourIntegralX'"},
      {"&#", "'&#'"},
      {"&#x", "'&#x'"},
      {"&#X;", "'&#X;'"},
      {"&#;", "'&#;'"},
      {"&#65;&#x42;&#X43", "'ABC'"},
      {"&#65b", "'Ab'"},
      {"&#xg", "'&#xg'"},
      {"&#128;&#x99;", "'\xE2\x82\xAC\xE2\x84\xA2'"},
      {"&#129;", "'\xC2\x81'"},
      {"&#0;&#xD800;&#x110000;&#99999999999999999999;",
       "'\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD'"},
      {"&#x10FFFF;&#x7ff;&#x800;", "'\xF4\x8F\xBF\xBF\xDF\xBF\xE0\xA0\x80'"},
      {"&#13;", "'\r'"},
  });
}

TEST_CASE("character references in attributes") {
  check({
      {"<a b=\"&amp;\" c='&lt;' d=&gt;>", "<a b=\"&\" c=\"<\" d=\">\">"},
      {"<a b='?x=1&copy=2'>", "<a b=\"?x=1&copy=2\">"},
      {"<a b='&copyx'>", "<a b=\"&copyx\">"},
      {"<a b='&copy;x'>", "<a b=\"\xC2\xA9x\">"},
      {"<a b='&copy'>", "<a b=\"\xC2\xA9\">"},
      {"<a b='&copy-'>", "<a b=\"\xC2\xA9-\">"},
      {"<a b='&notit;'>", "<a b=\"&notit;\">"},
      {"<a b=&amp>", "<a b=\"&\">"},
      {"<a b=&#65 c>", "<a b=\"A\" c=\"\">"},
      {"<a b='&#x'>", "<a b=\"&#x\">"},
      {"<a b='&", ""},
  });
}

TEST_CASE("comments") {
  check({
      {"<!---->", "<!---->"},
      {"<!--a-->b", "<!--a-->'b'"},
      {"<!-->b", "<!---->'b'"},
      {"<!--->b", "<!---->'b'"},
      {"<!--a--!>b", "<!--a-->'b'"},
      {"<!--a--!b-->", "<!--a--!b-->"},
      {"<!--a--!-->", "<!--a--!-->"},
      {"<!--a--b-->", "<!--a--b-->"},
      {"<!--a--->", "<!--a--->"},
      {"<!--a-b-->", "<!--a-b-->"},
      {"<!---a-->", "<!---a-->"},
      {"<!----a-->", "<!----a-->"},
      {"<!--<!-->b", "<!--<!-->'b'"},
      {"<!--<!--a-->", "<!--<!--a-->"},
      {"<!--<!a-->", "<!--<!a-->"},
      {"<!--<!-a-->", "<!--<!-a-->"},
      {"<!--<<a-->", "<!--<<a-->"},
      {"<!--\0-->"sv, "<!--\xEF\xBF\xBD-->"},
      {"<!--a", "<!--a-->"},
      {"<!--a-", "<!--a-->"},
      {"<!--a--", "<!--a-->"},
      {"<!--a--!", "<!--a-->"},
      {"<!--", "<!---->"},
      {"<!---", "<!---->"},
      {"<!-a>b", "<!---a-->'b'"},
      {"<!-", "<!----->"},
      {"<!", "<!---->"},
      {"<!x>y", "<!--x-->'y'"},
      {"<!x\0"sv, "<!--x\xEF\xBF\xBD-->"},
      {"<!doc>", "<!--doc-->"},
      {"<!DOCx>", "<!--DOCx-->"},
      {"<!DOC", "<!--DOC-->"},
  });
}

TEST_CASE("doctypes") {
  check({
      {"<!DOCTYPE html>", "<!DOCTYPE html|~|~>"},
      {"<!doctype HTML >", "<!DOCTYPE html|~|~>"},
      {"<!DOCTYPEhtml>", "<!DOCTYPE html|~|~>"},
      {"<!DOCTYPE>", "<!DOCTYPE ~|~|~|quirks>"},
      {"<!DOCTYPE >", "<!DOCTYPE ~|~|~|quirks>"},
      {"<!DOCTYPE", "<!DOCTYPE ~|~|~|quirks>"},
      {"<!DOCTYPE ", "<!DOCTYPE ~|~|~|quirks>"},
      {"<!DOCTYPE a", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE a ", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE \0>"sv, "<!DOCTYPE \xEF\xBF\xBD|~|~>"},
      {"<!DOCTYPE a PUBLIC>", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE a PUBLIC \"p\">", "<!DOCTYPE a|p|~>"},
      {"<!DOCTYPE a public'p'>", "<!DOCTYPE a|p|~>"},
      {"<!DOCTYPE a PUBLIC \"\" ''>", "<!DOCTYPE a||>"},
      {"<!DOCTYPE a PUBLIC 'p' \"s\" >", "<!DOCTYPE a|p|s>"},
      {"<!DOCTYPE a PUBLIC 'p''s'>", "<!DOCTYPE a|p|s>"},
      {"<!DOCTYPE a PUBLIC 'p\0' 's\0'>"sv, "<!DOCTYPE a|p\xEF\xBF\xBD|s\xEF\xBF\xBD>"},
      {"<!DOCTYPE a PUBLIC 'p>x", "<!DOCTYPE a|p|~|quirks>'x'"},
      {"<!DOCTYPE a PUBLIC \"p>x", "<!DOCTYPE a|p|~|quirks>'x'"},
      {"<!DOCTYPE a PUBLIC 'p'x>", "<!DOCTYPE a|p|~|quirks>"},
      {"<!DOCTYPE a PUBLIC 'p' x>", "<!DOCTYPE a|p|~|quirks>"},
      {"<!DOCTYPE a PUBLIC x>y", "<!DOCTYPE a|~|~|quirks>'y'"},
      {"<!DOCTYPE a PUBLICITY>", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE a SYSTEM>", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE a SYSTEM \"s\">", "<!DOCTYPE a|~|s>"},
      {"<!DOCTYPE a system's'>", "<!DOCTYPE a|~|s>"},
      {"<!DOCTYPE a SYSTEM 's' x>y", "<!DOCTYPE a|~|s>'y'"},
      {"<!DOCTYPE a SYSTEM 's>", "<!DOCTYPE a|~|s|quirks>"},
      {"<!DOCTYPE a SYSTEM \"s>", "<!DOCTYPE a|~|s|quirks>"},
      {"<!DOCTYPE a SYSTEM x", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE a x>", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE a PUB>", "<!DOCTYPE a|~|~|quirks>"},
      {"<!DOCTYPE a PUBLIC 'p", "<!DOCTYPE a|p|~|quirks>"},
      {"<!DOCTYPE a PUBLIC 'p'", "<!DOCTYPE a|p|~|quirks>"},
      {"<!DOCTYPE a PUBLIC 'p' ", "<!DOCTYPE a|p|~|quirks>"},
      {"<!DOCTYPE a SYSTEM \"s\" ", "<!DOCTYPE a|~|s|quirks>"},
      {"<!DOCTYPE a SYSTEM \"s\" x", "<!DOCTYPE a|~|s>"},
  });
}

TEST_CASE("RCDATA ends at its own end tag alone") {
  check(
      {
          {"a<b>&lt;</b></title>c", "'a<b><</b>'</title>'c'"},
          {"</title >", "</title>"},
          {"</title/>", "</title>"},
          {"</title x=y>z", "</title>'z'"},
          {"</TITLE>", "</title>"},
          {"</titl>", "'</titl>'"},
          {"</titles>", "'</titles>'"},
          {"</title", "'</title'"},
          {"</titl", "'</titl'"},
          {"</", "'</'"},
          {"<", "'<'"},
          {"<</title>", "'<'</title>"},
          {"</</title>", "'</'</title>"},
          {"</title<", "'</title<'"},
          {"a\0b"sv,
           "'a\xEF\xBF\xBD"
           "b'"},
          {"&amp", "'&'"},
      },
      {ContentModel::rcdata, "title"});
}

TEST_CASE("RAWTEXT knows no references") {
  check(
      {
          {"a<b>&lt;</style>c", "'a<b>&lt;'</style>'c'"},
          {"<!--</style>", "'<!--'</style>"},
          {"</sty", "'</sty'"},
          {"</style\n>", "</style>"},
          {"\0"sv, "'\xEF\xBF\xBD'"},
      },
      {ContentModel::rawtext, "style"});
}

TEST_CASE("script data and its escapes") {
  check(
      {
          {"a</script>b", "'a'</script>'b'"},
          {"a<b</script>", "'a<b'</script>"},
          {"a\0"sv, "'a\xEF\xBF\xBD'"},
          {"<!</script>", "'<!'</script>"},
          {"<!-</script>", "'<!-'</script>"},
          {"<!--</script>b", "'<!--'</script>'b'"},
          {"<!-- a - b -- c</script>", "'<!-- a - b -- c'</script>"},
          {"<!--a--></script>b", "'<!--a-->'</script>'b'"},
          {"<!----></script>b", "'<!---->'</script>'b'"},
          {"<!--\0-\0--\0<\0"sv, "'<!--\xEF\xBF\xBD-\xEF\xBF\xBD--\xEF\xBF\xBD<\xEF\xBF\xBD'"},
          {"<!--<a</script>", "'<!--<a'</script>"},
          {"<!--</a</script>", "'<!--</a'</script>"},
          {"<!--<1", "'<!--<1'"},
          {"<!--<", "'<!--<'"},
          {"<!--</", "'<!--</'"},
          {"<!--</scr", "'<!--</scr'"},
          {"<!---<a", "'<!---<a'"},
          {"<!----<a", "'<!----<a'"},
          {"<!--<script>a</script>b--></script>c", "'<!--<script>a</script>b-->'</script>'c'"},
          {"<!--<SCRIPT/</script></script>c", "'<!--<SCRIPT/</script>'</script>'c'"},
          {"<!--<script >a-->b</script>c", "'<!--<script >a-->b'</script>'c'"},
          {"<!--<script>a-b--c--->d</script>", "'<!--<script>a-b--c--->d'</script>"},
          {"<!--<script>a</scripts>b</script></script>c",
           "'<!--<script>a</scripts>b</script>'</script>'c'"},
          {"<!--<script>a</ b</script></script>", "'<!--<script>a</ b</script>'</script>"},
          {"<!--<script>a<b-<c--<d</script>", "'<!--<script>a<b-<c--<d</script>'"},
          {"<!--<scripts>a</script>b", "'<!--<scripts>a'</script>'b'"},
          {"<!--<script>\0-\0"sv, "'<!--<script>\xEF\xBF\xBD-\xEF\xBF\xBD'"},
          {"<!--<script><", "'<!--<script><'"},
          {"<!--<script></", "'<!--<script></'"},
      },
      {ContentModel::script, "script"});
}

TEST_CASE("PLAINTEXT never ends") {
  check({{"a</plaintext>&amp;<b>", "'a</plaintext>&amp;<b>'"}, {"\0"sv, "'\xEF\xBF\xBD'"}},
        {ContentModel::plaintext, ""});
}

TEST_CASE("CDATA sections") {
  check(
      {
          {"a&amp;<b>]]>c<d>", "'a&amp;<b>c'<d>"},
          {"]", "']'"},
          {"]]", "']]'"},
          {"]]]>", "']'"},
          {"]a]]b]]>", "']a]]b'"},
          {"a", "'a'"},
          {"\0]]>"sv, "'\0'"sv},
      },
      {ContentModel::cdata, ""});
}

TEST_CASE("CDATA sections exist in SVG and MathML only") {
  check({
      {"<![CDATA[x]]>", "<!--[CDATA[x]]-->"},
      {"<![CDAx>", "<!--[CDAx-->"},
      {"<![cdata[x]]>", "<!--[cdata[x]]-->"},
      {"<![CDA", "<!--[CDA-->"},
      {"<svg><![CDATA[<b>]]></svg><![CDATA[x]]>", "<svg>'<b>'</svg><!--[CDATA[x]]-->"},
      {"<math><![CDATA[<b>]]>", "<math>'<b>'"},
      {"<svg/><![CDATA[x]]>", "<svg/><!--[CDATA[x]]-->"},
      {"<svg><svg></svg><![CDATA[x]]>", "<svg><svg></svg>'x'"},
      {"<svg><desc><![CDATA[x]]></desc><![CDATA[y]]>", "<svg><desc><!--[CDATA[x]]--></desc>'y'"},
      {"<math><mi><![CDATA[x]]></mi><![CDATA[y]]>", "<math><mi><!--[CDATA[x]]--></mi>'y'"},
      {"<svg><p><![CDATA[x]]>", "<svg><p><!--[CDATA[x]]-->"},
  });
}

TEST_CASE("elements whose content is raw are read so, but not in SVG and MathML") {
  check({
      {"<title><b></title>", "<title>'<b>'</title>"},
      {"<textarea>&lt;</textarea>", "<textarea>'<'</textarea>"},
      {"<style><b></style>", "<style>'<b>'</style>"},
      {"<xmp><b></xmp>", "<xmp>'<b>'</xmp>"},
      {"<iframe><b></iframe>", "<iframe>'<b>'</iframe>"},
      {"<script><b></script>", "<script>'<b>'</script>"},
      {"<script/><b></script>", "<script/>'<b>'</script>"},
      {"<plaintext><b>", "<plaintext>'<b>'"},
      {"<svg><title><b></title>", "<svg><title><b></title>"},
      {"<svg><style><a></style>", "<svg><style><a></style>"},
  });
}

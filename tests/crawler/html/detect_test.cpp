// Pages that nobody labels, in every encoding that the web still holds.
//
// texts/ holds a file for each language, with a text of 160 to 600 bytes in each line. From 80 bytes of
// foreign text on, every page is read right. With less, one letter may have to decide: a lone œ in
// windows-1252 is a ś in windows-1250, and Russian without capitals is the same in windows-1251 and
// x-mac-cyrillic but for one letter.
#include "tools/crawler/charset/detect.hpp"

#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "tests/crawler/html/encode.hpp"
#include "tools/crawler/extract.hpp"

namespace {

using namespace std::string_view_literals;
using crawler::extract_text;
using test::encode;

struct Case {
  std::string language;
  std::string charset;  // the label
  const char* iconv_name;
};

// The encodings that pages must be read right in.
const std::vector<Case> required = {
    {"russian", "windows-1251", "CP1251"},
    {"ukrainian", "windows-1251", "CP1251"},
    {"bulgarian", "windows-1251", "CP1251"},
    {"russian", "koi8-r", "KOI8-R"},
    {"bulgarian", "koi8-r", "KOI8-R"},
    {"japanese", "shift_jis", "CP932"},
    {"japanese", "euc-jp", "EUC-JP"},
    {"chinese_simplified", "gbk", "GBK"},
    {"chinese_simplified", "gb18030", "GB18030"},
    {"chinese_traditional", "big5", "BIG5"},
    {"french", "iso-8859-15", "ISO-8859-15"},
    {"finnish", "iso-8859-15", "ISO-8859-15"},
    {"estonian", "iso-8859-15", "ISO-8859-15"},
    {"german", "iso-8859-15", "ISO-8859-15"},
    {"spanish", "iso-8859-15", "ISO-8859-15"},
    {"italian", "iso-8859-15", "ISO-8859-15"},
    {"french", "windows-1252", "CP1252"},
    {"finnish", "windows-1252", "CP1252"},
    {"estonian", "windows-1252", "CP1252"},
    {"german", "windows-1252", "CP1252"},
    {"spanish", "windows-1252", "CP1252"},
    {"italian", "windows-1252", "CP1252"},
};

const std::vector<Case> others = {
    {"russian", "iso-8859-5", "ISO-8859-5"},
    {"russian", "ibm866", "IBM866"},
    {"russian", "x-mac-cyrillic", "MAC-UK"},
    {"ukrainian", "koi8-u", "KOI8-U"},
    {"ukrainian", "iso-8859-5", "ISO-8859-5"},
    {"bulgarian", "iso-8859-5", "ISO-8859-5"},
    {"czech", "iso-8859-2", "ISO-8859-2"},
    {"czech", "windows-1250", "CP1250"},
    {"polish", "iso-8859-2", "ISO-8859-2"},
    {"polish", "windows-1250", "CP1250"},
    {"hungarian", "iso-8859-2", "ISO-8859-2"},
    {"hungarian", "windows-1250", "CP1250"},
    {"greek", "windows-1253", "CP1253"},
    {"greek", "iso-8859-7", "ISO-8859-7"},
    {"turkish", "windows-1254", "CP1254"},
    {"hebrew", "windows-1255", "CP1255"},
    {"hebrew", "iso-8859-8", "ISO-8859-8"},
    {"arabic", "windows-1256", "CP1256"},
    {"arabic", "iso-8859-6", "ISO-8859-6"},
    {"lithuanian", "windows-1257", "CP1257"},
    {"lithuanian", "iso-8859-13", "ISO-8859-13"},
    {"latvian", "windows-1257", "CP1257"},
    {"latvian", "iso-8859-13", "ISO-8859-13"},
    {"vietnamese", "windows-1258", "CP1258"},
    {"thai", "windows-874", "CP874"},
    {"korean", "euc-kr", "CP949"},
};

std::vector<std::string> texts(const std::string& language) {
  std::ifstream in(std::string(TEXTS "/") + language + ".txt");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  if (lines.empty()) throw std::runtime_error("no texts in " + language);
  return lines;
}

// So many of the first characters that they take at least `size` bytes; all if they take less.
std::string_view beginning(std::string_view text, const char* iconv_name, std::size_t size) {
  std::size_t end = 0;
  for (std::size_t written = 0; written < size && end != text.size();) {
    std::size_t start = end++;
    while (end != text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    written += encode(text.substr(start, end - start), iconv_name).size();
  }
  return text.substr(0, end);
}

std::string page(std::string_view text) {
  return "<html><head><title>News</title></head>\n<body class=\"plain\"><h1>Page 1</h1><p>" +
         std::string(text) + "</p>\n<a href=\"/next?page=2\">next</a></body></html>";
}

// Whether a page without a label becomes the text that it becomes with one.
bool is_read_right(std::string_view source, const Case& test) {
  std::string bytes = encode(source, test.iconv_name);
  crawler::Text found = extract_text(bytes, "text/html");
  std::string expected = extract_text(bytes, "text/html; charset=" + test.charset).text;
  bool is_right = found.text == expected;
  if (!is_right) MESSAGE(found.charset << " instead of " << test.charset << ": " << source);
  return is_right;
}

void check_decoded(std::string_view utf8, const char* iconv_name) {
  CAPTURE(utf8);
  CAPTURE(iconv_name);
  std::string expected = extract_text(utf8, "text/plain; charset=utf-8").text;
  crawler::Text found = extract_text(encode(utf8, iconv_name), "text/plain");
  CAPTURE(found.charset);
  CHECK(found.text == expected);
}

}  // namespace

TEST_CASE("pages without a label are read right") {
  for (const auto* cases : {&required, &others}) {
    for (const Case& test : *cases) {
      std::string all;
      for (const std::string& text : texts(test.language)) {
        CHECK(is_read_right(page(text), test));
        CHECK(is_read_right(page(beginning(text, test.iconv_name, 200)), test));
        all += "<p>" + text + "</p>\n";
      }
      CHECK(is_read_right(page(all), test));
    }
  }
}

TEST_CASE("there are fifteen texts for each encoding that must be read right") {
  for (const Case& one : required) {
    std::size_t count = 0;
    for (const Case& test : required) {
      if (test.charset == one.charset) count += texts(test.language).size();
    }
    CAPTURE(one.charset);
    CHECK(count >= 15);
  }
}

TEST_CASE("of short texts, most are read right") {
  struct Bound {
    std::size_t size;         // bytes of text
    std::size_t wrong;        // at most, of the required encodings
    std::size_t wrong_other;  // of the others
  };
  for (Bound bound : {Bound{20, 2, 11}, Bound{40, 2, 6}, Bound{80, 0, 0}}) {
    for (const auto* cases : {&required, &others}) {
      std::size_t wrong = 0;
      std::size_t count = 0;
      for (const Case& test : *cases) {
        for (const std::string& text : texts(test.language)) {
          ++count;
          if (!is_read_right(page(beginning(text, test.iconv_name, bound.size)), test)) ++wrong;
        }
      }
      CAPTURE(bound.size);
      CAPTURE(count);
      CHECK(wrong <= (cases == &required ? bound.wrong : bound.wrong_other));
    }
  }
}

TEST_CASE("a few foreign words in an English page are enough") {
  std::string english;
  while (english.size() < 20'000) {
    english += "<p>The quick brown fox jumps over the lazy dog, and <b>nobody</b> knows why.</p>\n";
  }
  for (const Case& test : required) {
    for (const std::string& text : texts(test.language)) {
      std::string_view words = beginning(text, test.iconv_name, 100);
      CHECK(is_read_right(page(english + std::string(words) + english), test));
    }
  }
}

TEST_CASE("what tells iso-8859-15 from windows-1252") {
  for (std::string_view text :
       {"un cœur simple"sv, "L'Œuvre au noir, à Bruges"sv, "L'HAŸ-LES-ROSES, À MIDI"sv,
        "45 € la nuit"sv, "€ 20"sv, "Škoda ja šampanja"sv, "Žižka"sv, "žürii ja garaaži"sv,
        "Où naît l'œillet ?"sv}) {
    check_decoded(text, "ISO-8859-15");
  }
  for (std::string_view text :
       {"2½ cups of flour"sv, "¼ l de crème fraîche"sv, "¾ Pfund Äpfel"sv, "l´été à l´ombre"sv,
        "“l’œuvre” à 5 €"sv, "naïve – très café…"sv, "the ‘Žižka’ café"sv}) {
    check_decoded(text, "CP1252");
  }
}

TEST_CASE("capitals alone") {
  std::string_view text = "ВНИМАНИЕ! САЙТ ЗАКРЫТ НА РЕМОНТ ДО ПЕРВОГО СЕНТЯБРЯ. ПРИНОСИМ ИЗВИНЕНИЯ";
  for (const char* name : {"CP1251", "KOI8-R", "ISO-8859-5", "IBM866"}) check_decoded(text, name);
}

TEST_CASE("Japanese in half-width Katakana alone") {
  std::string_view text = "ﾆﾎﾝｺﾞﾃﾞｶｲﾀﾍﾟｰｼﾞﾃﾞｽ｡ ﾄｳｷｮｳﾄ ｼﾝｼﾞｭｸｸ ﾆｼｼﾝｼﾞｭｸ ﾃﾞﾝﾜﾊﾞﾝｺﾞｳ";
  check_decoded(text, "CP932");
  check_decoded(text, "EUC-JP");
}

TEST_CASE("UTF-8 with a few wrong bytes is UTF-8") {
  std::string text = texts("russian")[0];
  for (std::string_view wrong : {"\xFF"sv, "\xD0"sv, "\xE2\x82"sv}) {
    std::string broken = text + " " + std::string(wrong) + " " + text;
    CHECK(crawler::detect_encoding(broken) == crawler::Encoding::utf_8);
  }
  CHECK(crawler::detect_encoding("café \xE2\x82\xAC\xE2\x82") == crawler::Encoding::utf_8);
}

TEST_CASE("what tells nothing is not decided") {
  CHECK_FALSE(crawler::detect_encoding(""));
  CHECK_FALSE(crawler::detect_encoding("plain"));
  std::string noise;
  for (unsigned i = 0, random = 1; i < 100'000; ++i) {
    random = random * 1'103'515'245 + 12'345;
    noise += static_cast<char>(random >> 16 & 0xFF);
  }
  CHECK_FALSE(crawler::detect_encoding(noise));
}

#include "tools/crawler/charset.hpp"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "tests/crawler/html/encode.hpp"
#include "tools/crawler/charset/decode.hpp"
#include "tools/crawler/charset/meta_prescan.hpp"
#include "tools/crawler/charset/utf8.hpp"
#include "tools/crawler/extract.hpp"

namespace {

using namespace std::string_view_literals;
using crawler::Encoding;
using crawler::extract_text;
using test::encode;

std::string decoded(std::string_view bytes, Encoding encoding) {
  std::string text;
  crawler::decode(bytes, encoding, [&](std::string_view piece) {
    CHECK(crawler::is_valid_utf8(piece));
    text += piece;
    return true;
  });
  return text;
}

struct Language {
  std::string_view text;
  std::string_view charset;  // the label, and the name it stands for
  std::string_view name;
  const char* iconv_name;
  bool is_found_by_itself;  // the page can be told from others without being labelled
};

constexpr std::string_view russian =
    "Справочник администратора Debian. Свободное программное обеспечение не обязательно бесплатно, "
    "но "
    "каждый может изменять его и передавать дальше. Эта глава описывает, как установить систему.";
constexpr std::string_view japanese =
    "この章では、システムのインストール方法を説明します。画像編集やネットワークの設定も行います。"
    "フリーソフトウェアは誰でも変更でき、再配布することができます。";
constexpr std::string_view simplified =
    "本章介绍如何安装系统，以及如何配置网络。自由软件任何人都可以修改，并且可以重新发布给别人使用"
    "。";
constexpr std::string_view traditional =
    "本章介紹如何安裝系統，以及如何設定網路。自由軟體任何人都可以修改，並且可以重新發布給別人使用"
    "。";
constexpr std::string_view french =
    "Le cœur du système coûte 5 € : là où naît l'été, la forêt brûle. Où êtes-vous ? À bientôt, "
    "Noël.";

constexpr Language languages[] = {
    {russian, "windows-1251", "windows-1251", "CP1251", true},
    {russian, "koi8-r", "KOI8-R", "KOI8-R", true},
    {russian, "iso-8859-5", "ISO-8859-5", "ISO-8859-5", true},
    {japanese, "shift_jis", "Shift_JIS", "CP932", true},
    {japanese, "euc-jp", "EUC-JP", "EUC-JP", true},
    {japanese, "iso-2022-jp", "ISO-2022-JP", "ISO-2022-JP", false},
    {simplified, "gbk", "GBK", "GBK", true},
    {simplified, "gb18030", "gb18030", "GB18030", true},
    {simplified, "gb2312", "GBK", "GB2312", true},
    {traditional, "big5", "Big5", "BIG5", true},
    {french, "iso-8859-15", "ISO-8859-15", "ISO-8859-15", false},
};

std::string page(std::string_view text, std::string_view meta = {}) {
  return "<html><head>" + std::string(meta) + "<title>" + std::string(text) +
         "</title></head>\n<body><h1>" + std::string(text) + "</h1><p>" + std::string(text) +
         "</p></body></html>";
}

}  // namespace

TEST_CASE("a page's text is that of its UTF-8 original, whoever names the encoding") {
  for (const Language& language : languages) {
    CAPTURE(language.charset);
    std::string expected = extract_text(page(language.text), "text/html; charset=utf-8").text;
    std::string header = "text/html; charset=" + std::string(language.charset);
    std::string meta = "<meta charset='" + std::string(language.charset) + "'>";
    std::string lie = "<meta http-equiv=Content-Type content='text/html; charset=windows-1257'>";

    auto check = [&](const std::string& source, const std::string& type, std::string_view why) {
      crawler::Text text = extract_text(encode(source, language.iconv_name), type);
      CAPTURE(text.charset);
      CHECK(text.text == expected);
      CHECK(text.title == language.text);
      CHECK(text.charset_source == why);
      CHECK((text.charset == language.name || why == "detected"));
    };
    check(page(language.text), header, "header");
    check(page(language.text, meta), "text/html", "meta");
    check(page(language.text, meta), header, "header");
    check(page(language.text, lie), header, "header");
    if (language.is_found_by_itself) check(page(language.text), "text/html", "detected");
  }
}

TEST_CASE("UTF-16 is known by its mark, its header or its zeros") {
  for (const char* name : {"UTF-16LE", "UTF-16BE"}) {
    for (std::string_view text : {russian, japanese, french, "ASCII alone"sv}) {
      CAPTURE(name);
      std::string expected = extract_text(page(text), "text/html; charset=utf-8").text;
      std::string bytes = encode(page(text), name);
      std::string marked = encode("\xEF\xBB\xBF" + page(text), name);
      CHECK(extract_text(bytes, "text/html").text == expected);
      CHECK(extract_text(bytes, "text/html").charset_source == "nul-pattern");
      CHECK(extract_text(bytes, "text/html; charset=" + std::string(name)).text == expected);
      CHECK(extract_text(marked, "text/html").text == expected);
      CHECK(extract_text(marked, "text/html; charset=koi8-r").text == expected);
      CHECK(extract_text(marked, "text/html; charset=koi8-r").charset_source == "bom");
      CHECK(extract_text(marked, "text/html").charset == name);
    }
  }
}

TEST_CASE("UTF-8 is known by its mark and by being valid") {
  std::string expected = extract_text(page(russian), "text/html; charset=utf-8").text;
  crawler::Text text = extract_text(page(russian), "text/html");
  CHECK(text.text == expected);
  CHECK(text.charset_source == "valid-utf-8");
  text = extract_text("\xEF\xBB\xBF" + page(russian), "text/html; charset=windows-1251");
  CHECK(text.text == expected);
  CHECK(text.charset_source == "bom");
  // Cut on the way: the last character is not whole.
  std::string cut = page(russian) + "\xD0";
  CHECK(extract_text(cut, "text/html").charset_source == "valid-utf-8");
}

TEST_CASE("a meta that says utf-16 means utf-8") {
  for (const char* label : {"utf-16", "utf-16le", "UTF-16BE"}) {
    std::string source = page(russian, "<meta charset=" + std::string(label) + ">");
    crawler::Text text = extract_text(source, "text/html");
    CHECK(text.charset == "UTF-8");
    CHECK(text.charset_source == "meta");
    CHECK(text.title == russian);
  }
}

TEST_CASE("what nobody names and nothing tells is windows-1252, with its holes") {
  CHECK(extract_text("<p>caf\xE9", "text/html").text == "café");
  std::string all;
  for (unsigned byte = 0x80; byte <= 0xFF; ++byte) all += static_cast<char>(byte);
  std::string text = decoded(all, Encoding::windows_1252);
  CHECK(text.starts_with("€\xC2\x81‚ƒ„…†‡ˆ‰Š‹Œ\xC2\x8DŽ\xC2\x8F\xC2\x90‘’“”•–—˜™š›œ\xC2\x9DžŸ"));
  CHECK(text.ends_with("üýþÿ"));
}

TEST_CASE("labels are the standard's") {
  using crawler::find_encoding;
  CHECK(find_encoding("utf8") == Encoding::utf_8);
  CHECK(find_encoding(" \tUTF-8\r\n") == Encoding::utf_8);
  CHECK(find_encoding("latin1") == Encoding::windows_1252);
  CHECK(find_encoding("ASCII") == Encoding::windows_1252);
  CHECK(find_encoding("iso-8859-1") == Encoding::windows_1252);
  CHECK(find_encoding("gb2312") == Encoding::gbk);
  CHECK(find_encoding("x-sjis") == Encoding::shift_jis);
  CHECK(find_encoding("windows-949") == Encoding::euc_kr);
  CHECK(find_encoding("x-cp1251") == Encoding::windows_1251);
  CHECK(find_encoding("iso-2022-kr") == Encoding::replacement);
  CHECK(find_encoding("unicode-1-1-utf-8") == Encoding::utf_8);
  CHECK_FALSE(find_encoding(""));
  CHECK_FALSE(find_encoding("utf-7"));
  CHECK_FALSE(find_encoding(std::string(1000, 'x')));
}

TEST_CASE("every encoding decodes ASCII to itself and never fails") {
  std::string all;
  for (unsigned byte = 0; byte <= 0xFF; ++byte) all += static_cast<char>(byte);
  std::string twice = all;
  twice.append(all.rbegin(), all.rend());
  for (unsigned i = 0; i <= static_cast<unsigned>(Encoding::replacement); ++i) {
    auto encoding = static_cast<Encoding>(i);
    CAPTURE(crawler::info(encoding).name);
    CHECK(crawler::is_valid_utf8(decoded(twice, encoding)));
    CHECK(decoded("", encoding) == "");
    bool is_ascii_compatible = encoding != Encoding::utf_16le && encoding != Encoding::utf_16be &&
                               encoding != Encoding::replacement;
    if (is_ascii_compatible) CHECK(decoded("<p>plain</p>", encoding) == "<p>plain</p>");
  }
}

TEST_CASE("what cannot be decoded becomes U+FFFD and swallows no markup") {
  CHECK(decoded("a\xFF"
                "b",
                Encoding::utf_8) == "a\uFFFDb");
  CHECK(decoded("\xE2\x82<", Encoding::utf_8) == "\uFFFD<");
  CHECK(decoded("\xF0\x9F\x98", Encoding::utf_8) == "\uFFFD");
  CHECK(decoded("\xED\xA0\x80", Encoding::utf_8) == "\uFFFD\uFFFD\uFFFD");
  CHECK(decoded("\xC0\xAF", Encoding::utf_8) == "\uFFFD\uFFFD");
  CHECK(decoded("\x81<b>", Encoding::big5) == "\uFFFD<b>");
  CHECK(decoded("\xFF<b>", Encoding::shift_jis) == "\uFFFD<b>");
  CHECK(decoded("\x85", Encoding::gb18030) == "\uFFFD");
  CHECK(decoded("5 \x80", Encoding::gbk) == "5 €");
  CHECK(decoded("a\0\0\xD8"sv, Encoding::utf_16le) == "a\uFFFD");
  CHECK(decoded("a\0b"sv, Encoding::utf_16le) == "a\uFFFD");
  CHECK(decoded("\xAE\xBE", Encoding::koi8_u) == "ўЎ");
  CHECK(decoded("\x80\xFF", Encoding::x_user_defined) == "\uF780\uF7FF");
  CHECK(decoded("anything", Encoding::replacement) == "\uFFFD");
}

TEST_CASE("long texts are decoded piece by piece without a seam") {
  std::string original;
  while (original.size() < 400'000) (original += russian) += japanese;
  CHECK(decoded(original, Encoding::utf_8) == original);
  CHECK(decoded("x" + original, Encoding::utf_8) == "x" + original);
  CHECK(decoded(encode(original, "UTF-16LE"), Encoding::utf_16le) == original);
  CHECK(decoded(encode(original, "GB18030"), Encoding::gb18030) == original);
  std::string cyrillic;
  while (cyrillic.size() < 400'000) cyrillic += russian;
  CHECK(decoded(encode(cyrillic, "CP1251"), Encoding::windows_1251) == cyrillic);
}

TEST_CASE("the prescan reads meta as the standard says") {
  using crawler::prescan_meta;
  CHECK(prescan_meta("<meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("<META CharSet = \"KOI8-R\" />") == Encoding::koi8_r);
  CHECK(prescan_meta("<meta/charset='koi8-r'/>") == Encoding::koi8_r);
  CHECK(prescan_meta("<!-- <meta charset=big5> --><meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("<!--><meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("<a href='<meta charset=big5>'><meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("<!x <meta charset=big5><meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("<?x <meta charset=big5><meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("</x a='>'><meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("<meta http-equiv=content-type content='text/html; charset=koi8-r'>") ==
        Encoding::koi8_r);
  CHECK(prescan_meta("<meta content='text/html; charset=\"koi8-r\"' http-equiv=Content-Type>") ==
        Encoding::koi8_r);
  CHECK_FALSE(prescan_meta("<meta content='text/html; charset=koi8-r'>"));
  CHECK_FALSE(prescan_meta("<meta http-equiv=refresh content='text/html; charset=koi8-r'>"));
  CHECK(prescan_meta("<meta charset=nonsense><meta charset=koi8-r>") == Encoding::koi8_r);
  CHECK(prescan_meta("<meta charset=x-user-defined>") == Encoding::windows_1252);
  CHECK(prescan_meta("<meta name=a name=b charset=koi8-r charset=big5>") == Encoding::koi8_r);
  CHECK_FALSE(prescan_meta("<metadata charset=koi8-r>"));
  CHECK_FALSE(prescan_meta("<meta charset=koi8-r"));
  CHECK_FALSE(prescan_meta("<meta charset='koi8-r"));
  CHECK_FALSE(prescan_meta("<meta"));
  CHECK_FALSE(prescan_meta(""));
  std::string far(crawler::prescan_size, ' ');
  CHECK_FALSE(prescan_meta(far + "<meta charset=koi8-r>"));
}

TEST_CASE("the label in a meta's content") {
  using crawler::label_in_content;
  CHECK(label_in_content("text/html;charset=a") == "a");
  CHECK(label_in_content("text/html; CHARSET = a ;b") == "a");
  CHECK(label_in_content("charset charset='a b'") == "a b");
  CHECK(label_in_content("charset=\"a") == "");
  CHECK(label_in_content("charset=") == "");
  CHECK(label_in_content("charset") == "");
}

TEST_CASE("the XML declaration is read") {
  using crawler::prescan_xml_declaration;
  CHECK(prescan_xml_declaration("<?xml version='1.0' encoding='koi8-r'?>") == Encoding::koi8_r);
  CHECK(prescan_xml_declaration("<?xml encoding = \"utf-16\"?>") == Encoding::utf_8);
  CHECK_FALSE(prescan_xml_declaration("<?xml version='1.0'?><p encoding='koi8-r'>"));
  CHECK_FALSE(prescan_xml_declaration(" <?xml encoding='koi8-r'?>"));
  CHECK_FALSE(prescan_xml_declaration("<?xml encoding='koi8-r"));
  std::string source = "<?xml version='1.0' encoding='windows-1251'?><html>" + std::string(russian);
  crawler::Text text = extract_text(encode(source, "CP1251"), "application/xhtml+xml");
  CHECK(text.text == russian);
  CHECK(text.charset_source == "xml");
}

TEST_CASE("UTF-8 is checked to the byte") {
  using crawler::is_valid_utf8;
  CHECK(is_valid_utf8(""));
  CHECK(is_valid_utf8("aä€😀\x7F\0"sv));
  CHECK(is_valid_utf8("\xEF\xBF\xBF\xF4\x8F\xBF\xBF\xEE\x80\x80\xED\x9F\xBF"));
  for (std::string_view wrong : {"\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xED\xA0\x80"sv,
                                 "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv,
                                 "\xC3"sv, "\xE2\x82"sv, "\xF0\x9F\x98"sv, "\xFE"sv}) {
    for (std::size_t before = 0; before < 40; ++before) {
      std::string bytes = std::string(before, 'x') + std::string(wrong);
      CHECK(crawler::valid_utf8_prefix(bytes) == before);
      bytes += std::string(40, 'y');
      CHECK(crawler::valid_utf8_prefix(bytes) == before);
    }
  }
}

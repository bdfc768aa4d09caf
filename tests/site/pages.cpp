#include "tests/site/pages.hpp"

#include <array>

#include "tests/site/encodings.hpp"
#include "tests/site/texts.hpp"

namespace site {
namespace {

/// Where a page says in which character set it is written.
enum class Label { header, meta, bom, nowhere };

struct Variant {
  std::string_view language;
  std::string_view label;  ///< As the page names it.
  const char* iconv;       ///< As iconv(1) names it.
  Label where;
};

// `nowhere` only with UTF-8, which a reader can recognise for certain.
constexpr std::array variants{
    Variant{"en", "utf-8", "UTF-8", Label::header},
    Variant{"ru", "windows-1251", "CP1251", Label::header},
    Variant{"ja", "shift_jis", "CP932", Label::header},
    Variant{"de", "iso-8859-15", "ISO-8859-15", Label::header},
    Variant{"zh", "gb18030", "GB18030", Label::header},
    Variant{"fr", "utf-8", "UTF-8", Label::meta},
    Variant{"ru", "koi8-r", "KOI8-R", Label::meta},
    Variant{"el", "utf-8", "UTF-8", Label::bom},
    Variant{"ja", "euc-jp", "EUC-JP", Label::meta},
    Variant{"es", "iso-8859-1", "ISO-8859-1", Label::meta},
    Variant{"zh", "utf-16le", "UTF-16LE", Label::bom},
    Variant{"uk", "utf-8", "UTF-8", Label::nowhere},
    Variant{"ru", "utf-16be", "UTF-16BE", Label::bom},
    Variant{"pl", "iso-8859-2", "ISO-8859-2", Label::header},
    Variant{"ko", "euc-kr", "EUC-KR", Label::header},
    Variant{"de", "windows-1252", "CP1252", Label::meta},
    Variant{"el", "iso-8859-7", "ISO-8859-7", Label::header},
    Variant{"en", "us-ascii", "US-ASCII", Label::nowhere},
    Variant{"fr", "windows-1252", "CP1252", Label::header},
    Variant{"ja", "utf-16le", "UTF-16LE", Label::header},
    Variant{"zh", "gbk", "GBK", Label::meta},
};

std::string link(unsigned number) {
  const std::string n = std::to_string(number);
  return "<li><a href=\"/page/" + n + "\" title=\"tags > text\">" + n + "</a>\n";
}

}  // namespace

std::string marker(unsigned number) {
  return "marker-" + std::to_string(number) + "-end";
}

Page page(unsigned number, unsigned pages) {
  const Variant& variant = variants[(number - 1) % variants.size()];
  const Language& tongue = language(variant.language);

  Page made;
  made.marker = marker(number);
  made.charset = variant.label;
  made.title = std::string(tongue.title) + " " + std::to_string(number);
  const std::size_t count = tongue.sentences.size();
  for (std::size_t i = 0; i < 4; ++i)
    made.sentences.push_back(tongue.sentences[(number + i) % count]);

  // What must not come out as text stands at the places where a careless reader would leak it.
  std::string html = "<!DOCTYPE html>\n<html lang=\"" + std::string(tongue.tag) + "\">\n<head>\n";
  if (variant.where == Label::meta)
    html += "<meta charset=\"" + std::string(variant.label) + "\">\n";
  html += "<title>" + made.title +
          "</title>\n"
          "<style>p::after { content: \"not-text-style\"; }</style>\n"
          "<script>if (1 < 2) document.write('<p>not-text-script</p>');</script>\n"
          "</head>\n<body>\n<!-- not-text-comment -->\n<h1>" +
          made.title + "</h1>\n<p>" + made.marker + "</p>\n";
  for (const std::string_view sentence : made.sentences)
    html += "<p class=\"not-text-attribute\">" + std::string(sentence) + "</p>\n";
  html += "<p>1 &lt; 2 &amp;&amp; 3 &gt; 2</p>\n<ul>\n" + link(number % pages + 1) +
          link(number * 2 % pages + 1) + link(number * 7 % pages + 1) + "</ul>\n</body>\n</html>\n";

  if (variant.where == Label::bom) html.insert(0, "\xEF\xBB\xBF");
  made.body = in_charset(html, variant.iconv);
  made.content_type = "text/html";
  if (variant.where == Label::header)
    made.content_type += "; charset=" + std::string(variant.label);
  return made;
}

std::string index(unsigned pages) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Demo site</title>"
      "</head>\n<body><h1>Demo site</h1>\n<p>" +
      std::to_string(pages) + " pages; /page/N?delay=MS takes its time.</p>\n<ul>\n";
  for (unsigned number = 1; number <= pages; ++number) html += link(number);
  return html + "</ul></body></html>\n";
}

}  // namespace site

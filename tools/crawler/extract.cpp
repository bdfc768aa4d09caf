#include "tools/crawler/extract.hpp"

#include <algorithm>
#include <utility>

#include "tools/crawler/charset.hpp"
#include "tools/crawler/charset/decode.hpp"
#include "tools/crawler/html/text_sink.hpp"

namespace crawler {

namespace {

bool is_markup(std::string_view type, std::string_view body) {
  if (type == "text/html" || type == "text/xml" || type.ends_with("/xml") ||
      type.ends_with("+xml")) {
    return true;
  }
  if (!type.empty()) return false;
  // Nothing is said. Text seldom begins with a tag, and markup always does, after a mark perhaps.
  std::size_t first =
      body.find_first_not_of(std::string_view("\xEF\xBB\xBF\xFE\xFF\0 \t\r\n\f", 11));
  return first != std::string_view::npos && body[first] == '<';
}

void resolve_links(std::vector<std::string>& links, std::string_view page_base,
                   const ExtractOptions& options) {
  if (options.resolve == nullptr) return;
  // <base> may itself be relative; the first one counts wherever it stands (HTML standard 4.2.3).
  std::string base;
  if (!page_base.empty()) base = options.resolve(options.url, page_base);
  if (base.empty()) base = options.url;
  for (std::string& link : links) link = options.resolve(base, link);
  links.erase(std::remove(links.begin(), links.end(), std::string()), links.end());
}

void extract_markup(std::string_view body, Encoding encoding, const ExtractOptions& options,
                    Text& result) {
  html::TextSink sink({.max_text = options.max_text,
                       .max_links = options.max_links,
                       .keeps_noscript = options.keeps_noscript,
                       .keeps_alt = options.keeps_alt});
  html::Tokenizer tokenizer(sink);
  decode(body, encoding, [&](std::string_view piece) {
    tokenizer.feed(piece);
    return !sink.is_full();
  });
  tokenizer.finish();
  html::PageText page = sink.take();
  result.text = std::move(page.text);
  result.title = std::move(page.title);
  result.language = std::move(page.language);
  result.links = std::move(page.links);
  result.is_truncated = page.is_truncated;
  resolve_links(result.links, page.base, options);
}

// Plain text is the text, but for its line ends and the zero bytes no text needs.
void extract_plain(std::string_view body, Encoding encoding, const ExtractOptions& options,
                   Text& result) {
  bool after_carriage_return = false;
  decode(body, encoding, [&](std::string_view piece) {
    for (char c : piece) {
      bool is_second = c == '\n' && after_carriage_return;
      after_carriage_return = c == '\r';
      if (is_second || c == '\0') continue;
      result.text += c == '\r' ? '\n' : c;
    }
    return result.text.size() <= options.max_text;
  });
  if (result.text.size() <= options.max_text) return;
  std::size_t size = options.max_text;
  while (size != 0 && (static_cast<unsigned char>(result.text[size]) & 0xC0) == 0x80) --size;
  result.text.resize(size);
  result.is_truncated = true;
}

}  // namespace

Text extract_text(std::string_view body, std::string_view content_type,
                  const ExtractOptions& options) {
  ContentType type = parse_content_type(content_type);
  bool has_tags = is_markup(type.type, body);
  Charset charset = find_charset(body, type.charset, has_tags);
  if (options.encoding) {
    charset.encoding = *options.encoding;
    charset.source = CharsetSource::given;
  }
  Text result;
  result.charset = info(charset.encoding).name;
  result.charset_source = to_string(charset.source);
  body.remove_prefix(charset.bom_size);
  if (has_tags) {
    extract_markup(body, charset.encoding, options, result);
  } else {
    extract_plain(body, charset.encoding, options, result);
  }
  return result;
}

}  // namespace crawler

// A downloaded page into text: bytes and their Content-Type in, UTF-8 out. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/crawler/charset/encoding.hpp"
#include "tools/crawler/content_type.hpp"

namespace crawler {

// Makes an absolute URL of a reference found in the page at `base`; empty if that gives none, or one
// that is not wanted. resolve_url in url.hpp is one.
using ResolveUrl = std::string (*)(std::string_view base, std::string_view reference);

struct ExtractOptions {
  std::size_t max_text = std::size_t{8} << 20;  // bytes; the text is cut there, between characters
  std::size_t max_links = 0;                    // how many links are collected at most
  bool keeps_noscript = false;                  // show what is meant for browsers without scripts
  bool keeps_alt = false;                       // put the alternative text of images into the text

  // For links: where the page came from, after redirects, and how to join. Without `resolve` links are
  // as the page writes them.
  std::string_view url;
  ResolveUrl resolve = nullptr;

  // The encoding, when it is known better than from the page and its header.
  std::optional<Encoding> encoding;
};

struct Text {
  std::string text;                 // of the body, without tags; valid UTF-8, lines end with LF
  std::string title;                // of markup: its <title>, white space folded; at most 4 KiB
  std::string language;             // of markup: the lang of <html>, as written
  std::string_view charset;         // the encoding's name in the WHATWG standard, "windows-1251"
  std::string_view charset_source;  // why: "header", "meta", "detected", ... see charset.hpp
  std::vector<std::string> links;   // of markup: href of <a> and <area>, in the order of the page
  bool is_truncated = false;        // max_text was reached; the rest of the page was not read
};

// Text from a page. `content_type` is the header field as received, or empty. text/html, XHTML, XML and
// what has no type but looks like markup lose their tags; every other text is only decoded. Whether the
// bytes are text at all is for others to say, before (sniff.hpp).
//
// Takes time linear in the size of the page. Beyond the page and the result it needs less than 1 MiB.
// Any thread may call it. Throws std::bad_alloc, and std::system_error as decode does.
Text extract_text(std::string_view body, std::string_view content_type,
                  const ExtractOptions& options = {});

}  // namespace crawler

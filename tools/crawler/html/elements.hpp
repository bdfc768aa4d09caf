// What the elements of HTML mean for reading a page as text.
#pragma once

#include <cstdint>
#include <string_view>

#include "tools/crawler/html/states.hpp"

namespace crawler::html {

// The elements that are told apart by name; all others are `other`.
enum class Tag : std::uint8_t {
  other,
  a,
  annotation,
  annotation_xml,
  area,
  base,
  br,
  desc,
  foreign_object,
  html,
  img,
  math,
  noscript,
  p,
  script,
  style,
  svg,
  text,  // of SVG
  title,
  token,  // mi, mo, mn, ms, mtext: HTML may stand within these elements of MathML
};

// How an element breaks the text into lines (the "required line breaks" of innerText, HTML standard
// 3.2.7, with the default styles of 15.3).
enum class Flow : std::uint8_t {
  inline_text,
  block,      // begins and ends a line
  paragraph,  // and is set off by an empty one
  line_break,
  row,  // and what else begins or ends a row of cells
  cell,
};

struct Element {
  std::string_view name;
  Tag tag = Tag::other;
  Flow flow = Flow::inline_text;
  ContentModel model = ContentModel::data;
  bool is_hidden = false;        // its content is never shown
  bool is_preformatted = false;  // its white space counts
  bool drops_line_feed =
      false;                    // a line feed right after the start tag is not content (13.2.6.4.7)
  bool leaves_foreign = false;  // ends SVG and MathML content it stands in (13.2.6.5)
};

// The entry for a name in lower case; for a name that means nothing to us, one with an empty name.
const Element& find_element(std::string_view name);

// No name that find_element knows has more bytes.
inline constexpr std::size_t longest_element_name = 16;

}  // namespace crawler::html

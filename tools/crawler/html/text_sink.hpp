// The text of a page from its tokens, with its title, language and links.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/crawler/html/foreign.hpp"
#include "tools/crawler/html/layout.hpp"
#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

struct TextOptions {
  std::size_t max_text = std::size_t{8} << 20;  // bytes; the text is cut there
  std::size_t max_links = 0;                    // how many links are collected
  bool keeps_noscript = false;  // show what is meant for browsers without scripts, as markup
  bool keeps_alt = false;       // put the alternative text of images into the text
};

struct PageText {
  std::string text;
  std::string title;               // of the first <title>; at most TextSink::max_title bytes
  std::string language;            // lang of <html>, as written
  std::string base;                // href of the first <base>, as written
  std::vector<std::string> links;  // href of a and area in the order of the page, as written
  bool is_truncated = false;       // max_text was reached
};

// What counts as text: everything but script, style, template, title, datalist, comments, frames
// and what stands for scripts or frames when there are none. An unclosed <script> hides the rest of
// the page, as it does in a browser. Styles are not read, so what only a style hides is text.
class TextSink {
 public:
  static constexpr std::size_t max_title = 4096;  // bytes
  static constexpr std::size_t max_href = 8192;   // bytes; longer links are dropped

  explicit TextSink(const TextOptions& options)
      : options_(options), layout_(options.max_text), title_(max_title) {}

  // No more text is wanted: what is fed from now on only costs time.
  bool is_full() const { return layout_.is_full(); }

  // Hands over what was found. Once, after Tokenizer::finish.
  PageText take();

  // The tokens, see TokenSink.
  void characters(std::string_view piece);
  void tag_begin(bool is_end_tag) {
    is_end_tag_ = is_end_tag;
    element_ = nullptr;
    has_value_ = false;
    drops_line_feed_ = false;
  }
  void tag_name(std::string_view piece) {
    // A name of ours comes in one piece; what follows makes it another.
    element_ = element_ == nullptr ? &find_element(piece) : &find_element({});
  }
  bool wants_attributes();
  void attribute_name(std::string_view piece);
  void attribute_value(std::string_view piece);
  void attribute_end();
  ContentModel tag_end(bool self_closing) {
    if (!is_end_tag_) return start(*element_, self_closing);
    end(*element_);
    return ContentModel::data;
  }
  void comment(std::string_view) {}
  void comment_end() { drops_line_feed_ = false; }
  void doctype(DoctypeField, std::string_view) {}
  void doctype_end(bool) {}
  bool allows_cdata() const { return foreign_.is_inside(); }

 private:
  ContentModel start(const Element& element, bool self_closing);
  void end(const Element& element);
  void break_flow(const Element& element);
  bool hides(const Element& element) const;
  void hide(const Element& element);
  void show_if_left();
  bool attribute_is_wanted() const;
  void use_attribute();

  TextOptions options_;
  Layout layout_;
  Layout title_;
  bool has_title_ = false;
  PageText page_;
  ForeignContent foreign_;

  // The tag being read.
  bool is_end_tag_ = false;
  const Element* element_ = nullptr;
  bool has_value_ = false;  // its wanted attribute has been read
  std::string attribute_name_;
  std::string value_;

  // Hidden content: by which element, how often it is open, and how deep in foreign content.
  const Element* hiding_ = nullptr;
  std::size_t hiding_count_ = 0;
  std::size_t hiding_depth_ = 0;

  std::size_t preformatted_ = 0;
  bool drops_line_feed_ = false;
};

}  // namespace crawler::html

#include "tools/crawler/html/text_sink.hpp"

#include <utility>

namespace crawler::html {

PageText TextSink::take() {
  page_.is_truncated = layout_.is_full();
  page_.text = layout_.take();
  page_.title = title_.take();
  return std::move(page_);
}

void TextSink::characters(std::string_view piece) {
  if (hiding_ != nullptr) {
    if (hiding_->tag == Tag::title && hiding_depth_ == 0 && !has_title_) title_.flow(piece);
    return;
  }
  if (drops_line_feed_) {
    drops_line_feed_ = false;
    if (piece.front() == '\n') piece.remove_prefix(1);
  }
  if (preformatted_ == 0) {
    layout_.flow(piece);
  } else {
    layout_.keep(piece);
  }
}

bool TextSink::wants_attributes() {
  if (is_end_tag_ || hiding_ != nullptr) return false;
  switch (element_->tag) {
    case Tag::a:
    case Tag::area:
    case Tag::base:
      return options_.max_links != 0;
    case Tag::html:
      return page_.language.empty();
    case Tag::img:
      return options_.keeps_alt;
    default:
      return false;
  }
}

bool TextSink::attribute_is_wanted() const {
  switch (element_->tag) {
    case Tag::html:
      return attribute_name_ == "lang" || attribute_name_ == "xml:lang";
    case Tag::img:
      return attribute_name_ == "alt";
    default:
      return attribute_name_ == "href";
  }
}

void TextSink::attribute_name(std::string_view piece) {
  // Longer than any wanted one, and it need not be kept whole to be known as another.
  static constexpr std::size_t enough = 16;
  if (attribute_name_.size() < enough) attribute_name_ += piece.substr(0, enough);
}

void TextSink::attribute_value(std::string_view piece) {
  if (!has_value_ && value_.size() <= max_href && attribute_is_wanted()) {
    value_ += piece.substr(0, max_href + 1);
  }
}

void TextSink::attribute_end() {
  if (!has_value_ && attribute_is_wanted()) {
    has_value_ = true;
  } else if (!has_value_) {
    value_.clear();
  }
  attribute_name_.clear();
}

// The tag is whole, so that what it says counts.
void TextSink::use_attribute() {
  if (has_value_ && value_.size() <= max_href) {
    switch (element_->tag) {
      case Tag::html:
        page_.language = value_;
        break;
      case Tag::base:
        if (page_.base.empty()) page_.base = value_;
        break;
      case Tag::img:
        layout_.flow(value_);
        break;
      default:
        if (page_.links.size() < options_.max_links) page_.links.push_back(value_);
    }
  }
  value_.clear();
  attribute_name_.clear();
}

ContentModel TextSink::start(const Element& element, bool self_closing) {
  if (foreign_.depth() != 0 && element.leaves_foreign && foreign_.is_inside()) {
    foreign_.leave();
    show_if_left();
  }
  use_attribute();
  bool is_foreign = foreign_.is_inside();
  if (is_foreign && self_closing) return ContentModel::data;
  if (hides(element)) hide(element);
  if (!self_closing) foreign_.start(element);
  if (is_foreign) {
    if (element.tag == Tag::text && hiding_ == nullptr) layout_.block(1);
    return ContentModel::data;
  }
  if (element.tag == Tag::noscript && options_.keeps_noscript) return ContentModel::data;
  if (hiding_ == nullptr) {
    break_flow(element);
    if (element.is_preformatted) ++preformatted_;
    drops_line_feed_ = element.drops_line_feed;
  }
  return element.model;
}

void TextSink::end(const Element& element) {
  if (foreign_.depth() != 0) {
    // The only two end tags that an HTML element is made of (13.2.6.5).
    bool makes_element = element.tag == Tag::p || element.tag == Tag::br;
    if (makes_element) {
      foreign_.leave();
    } else {
      foreign_.end(element);
    }
    show_if_left();
  }
  if (hiding_ != nullptr) {
    if (hiding_ != &element || --hiding_count_ != 0) return;
    if (element.tag == Tag::title && hiding_depth_ == 0) has_title_ = true;
    hiding_ = nullptr;
    return;
  }
  if (element.is_preformatted && preformatted_ != 0) {
    --preformatted_;
    layout_.end_preformatted();
  }
  if (element.flow != Flow::cell) break_flow(element);
}

void TextSink::break_flow(const Element& element) {
  switch (element.flow) {
    case Flow::inline_text:
      return;
    case Flow::block:
      return layout_.block(1);
    case Flow::paragraph:
      return layout_.block(2);
    case Flow::line_break:
      return layout_.line_break();
    case Flow::row:
      return layout_.row();
    case Flow::cell:
      return layout_.cell();
  }
}

// Foreign elements share some names with HTML's, and it is those of the namespace in force that
// hide.
bool TextSink::hides(const Element& element) const {
  if (!foreign_.is_inside()) {
    return element.is_hidden && !(element.tag == Tag::noscript && options_.keeps_noscript);
  }
  switch (element.tag) {
    case Tag::script:
    case Tag::style:
    case Tag::title:
    case Tag::desc:
    case Tag::annotation:
    case Tag::annotation_xml:
      return true;
    default:
      return false;
  }
}

void TextSink::hide(const Element& element) {
  if (hiding_ == &element) {
    ++hiding_count_;
  } else if (hiding_ == nullptr) {
    hiding_ = &element;
    hiding_count_ = 1;
    hiding_depth_ = foreign_.depth();
  }
}

// The end of an <svg> ends what was open in it, a <style> without end tag too.
void TextSink::show_if_left() {
  if (hiding_ != nullptr && foreign_.depth() < hiding_depth_) hiding_ = nullptr;
}

}  // namespace crawler::html

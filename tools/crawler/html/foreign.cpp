#include "tools/crawler/html/foreign.hpp"

namespace crawler::html {

namespace {

// Which root the frame below an integration point must have (13.2.6.5, "MathML text integration
// point" and "HTML integration point"). annotation-xml is one only with some attributes; it is
// taken as one.
bool begins_html(Tag tag, Tag root) {
  switch (tag) {
    case Tag::foreign_object:
    case Tag::desc:
    case Tag::title:
      return root == Tag::svg;
    case Tag::token:
    case Tag::annotation_xml:
      return root == Tag::math;
    default:
      return false;
  }
}

}  // namespace

void ForeignContent::start(const Element& element) {
  bool is_root = element.tag == Tag::svg || element.tag == Tag::math;
  if (!is_inside()) {
    if (is_root) push(element.tag, false);
    return;
  }
  Frame& top = frames_[depth_ - 1];
  if (element.tag == top.tag) {
    ++top.count;
  } else if (begins_html(element.tag, top.tag)) {
    push(element.tag, true);
  }
}

void ForeignContent::end(const Element& element) {
  if (element.tag == Tag::other) return;
  // An end tag of a frame below closes those above with it, as it does on the standard's stack.
  for (std::size_t i = depth_; i > 0; --i) {
    if (frames_[i - 1].tag != element.tag) continue;
    depth_ = --frames_[i - 1].count == 0 ? i - 1 : i;
    return;
  }
}

void ForeignContent::leave() {
  while (is_inside()) --depth_;
}

void ForeignContent::push(Tag tag, bool is_html) {
  if (depth_ < deepest) frames_[depth_++] = {tag, is_html, 1};
}

}  // namespace crawler::html

// Where SVG and MathML begin and end in a stream of tags.
//
// Within them other rules hold: CDATA sections exist, <title> and <style> hold markup. The standard
// decides it with the tree (13.2.6, "tree construction dispatcher"); this keeps the one thing of
// the tree that matters, the foreign elements that are open and the places in them where HTML
// begins again.
#pragma once

#include <array>
#include <cstdint>

#include "tools/crawler/html/elements.hpp"

namespace crawler::html {

class ForeignContent {
 public:
  // Deeper nesting of SVG within HTML within SVG is read as if it were not there.
  static constexpr std::size_t deepest = 32;

  // Are the rules of foreign content in force?
  bool is_inside() const { return depth_ != 0 && !frames_[depth_ - 1].is_html; }

  // 0 outside; grows with each element entered.
  std::size_t depth() const { return depth_; }

  // A start tag that is not self-closing.
  void start(const Element& element);
  void end(const Element& element);

  // An element of HTML that cannot stand here ends what it stands in.
  void leave();

 private:
  struct Frame {
    Tag tag;
    bool is_html;         // an integration point: HTML within foreign content
    std::uint32_t count;  // how many elements of this name are open right within one another
  };

  void push(Tag tag, bool is_html);

  std::array<Frame, deepest> frames_{};
  std::size_t depth_ = 0;
};

}  // namespace crawler::html

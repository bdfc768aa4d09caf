// Words and line breaks into lines of text, as a browser lays them out for innerText (HTML standard
// 3.2.7): white space folded, blocks on lines of their own, cells set apart by tabs.
//
// Breaks and spaces are kept back until a word follows, so the text neither begins nor ends with
// any, and a break swallows the spaces around it. It differs from innerText where that is awkward
// to read: blocks that begin a cell do not break its line, and empty cells at a row's end leave no
// tabs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace crawler::html {

class Layout {
 public:
  // Holds at most `max_text` bytes; what comes after is dropped, whole characters at a time.
  explicit Layout(std::size_t max_text) : max_text_(max_text) {}

  // Running text: each run of white space becomes one space. Other control characters below U+0020
  // are dropped; they mean nothing in a page and much to a terminal.
  void flow(std::string_view text);

  // Text whose white space counts; control characters are dropped here too.
  void keep(std::string_view text);

  void line_break() {
    if (begins_cell_) return;
    breaks_ += wanted_breaks_ + 1;
    wanted_breaks_ = 0;
    space_ = false;
  }

  // What follows stands on a line of its own, after lines - 1 empty ones.
  void block(std::size_t lines) {
    if (begins_cell_) return;
    if (wanted_breaks_ < lines) wanted_breaks_ = lines;
    space_ = false;
  }

  // Preformatted text ends: the line feed before its end tag ends the last line and begins no
  // other.
  void end_preformatted() {
    if (breaks_ != 0) --breaks_;
  }

  void row();
  void cell();

  bool is_full() const { return is_full_; }

  // The text so far, which is valid UTF-8 if what came in was. The layout is empty afterwards.
  std::string take();

 private:
  void begin_word(std::size_t size);
  void cut();

  std::size_t max_text_;
  std::string text_;  // its first size_ bytes; the rest is room
  std::size_t size_ = 0;
  std::size_t breaks_ = 0;         // line ends owed before the next word
  std::size_t wanted_breaks_ = 0;  // the same, but a further block's count as these
  std::size_t tabs_ = 0;
  bool space_ = false;
  bool in_row_ = false;       // a cell of this row has begun
  bool begins_cell_ = false;  // and nothing has been written in it
  bool is_full_ = false;
};

}  // namespace crawler::html

#include "tools/crawler/html/layout.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tools/crawler/html/scan.hpp"

namespace crawler::html {

namespace {

// Blocks are stored whole before it is known how much of them counts.
constexpr std::size_t block_size = 16;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20;
}

// Copies words, with the single spaces between them, up to a control character or the second of two
// spaces.
class WordCopy {
 public:
  // `from` stands on neither. At `to` there is room for what is to come and block_size bytes more.
  WordCopy(const char* from, const char* end, char* to) : from_(from), end_(end), to_(to) {}

  void run() {
#ifdef __SSE2__
    // Pieces of text are short, most of them, so that the rest of a block matters as much as the blocks.
    while (end_ - from_ >= 16) {
      if (copy<16>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from_)))) return;
    }
    if (end_ - from_ >= 8) {
      if (copy<8>(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from_)))) return;
    }
    if (end_ - from_ >= 4) {
      int four = 0;
      std::memcpy(&four, from_, sizeof four);
      if (copy<4>(_mm_cvtsi32_si128(four))) return;
    }
#endif
    for (; from_ != end_ && !is_control(*from_); ++from_) {
      if (*from_ == ' ' && space_before_ != 0) return;
      space_before_ = *from_ == ' ' ? 1 : 0;
      *to_++ = *from_;
    }
  }

  const char* from() const {
    return from_;
  }
  char* to() const {
    return to_;
  }

 private:
#ifdef __SSE2__
  // Copies the first `size` bytes of the block as far as they are words; true if they are not all.
  template <unsigned size>
  bool copy(__m128i block) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to_), block);
    const __m128i last_control = _mm_set1_epi8(0x1F);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block);
    __m128i space = _mm_cmpeq_epi8(block, _mm_set1_epi8(' '));
    auto controls = static_cast<unsigned>(_mm_movemask_epi8(control));
    auto spaces = static_cast<unsigned>(_mm_movemask_epi8(space));
    unsigned stops = (controls | (spaces & (spaces << 1 | space_before_))) & ((1U << size) - 1);
    unsigned count = stops == 0 ? size : static_cast<unsigned>(std::countr_zero(stops));
    space_before_ = spaces >> (size - 1) & 1;
    from_ += count;
    to_ += count;
    return stops != 0;
  }
#endif

  const char* from_;
  const char* end_;
  char* to_;
  unsigned space_before_ = 0;
};

}  // namespace

void Layout::flow(std::string_view text) {
  const char* p = text.data();
  const char* end = p + text.size();
  while (true) {
    for (; p != end && (*p == ' ' || is_control(*p)); ++p) {
      if (is_space(*p) || *p == '\r') space_ = true;
    }
    if (p == end || is_full_) return;
    begin_word(static_cast<std::size_t>(end - p));
    WordCopy words(p, end, &text_[size_]);
    words.run();
    p = words.from();
    char* to = words.to();
    if (to[-1] == ' ') {
      --to;
      space_ = true;
    }
    size_ = static_cast<std::size_t>(to - text_.data());
    if (size_ > max_text_) cut();
  }
}

void Layout::keep(std::string_view text) {
  const char* p = text.data();
  const char* end = p + text.size();
  while (p != end && !is_full_) {
    if (*p == '\n') {
      line_break();
      ++p;
      continue;
    }
    const char* start = p;
    while (p != end && (!is_control(*p) || *p == '\t')) ++p;
    if (p != start) {
      auto count = static_cast<std::size_t>(p - start);
      begin_word(count);
      std::memcpy(&text_[size_], start, count);
      size_ += count;
      if (size_ > max_text_) cut();
    } else {
      ++p;
    }
  }
}

void Layout::row() {
  in_row_ = false;
  begins_cell_ = false;
  tabs_ = 0;
  block(1);
}

void Layout::cell() {
  if (!in_row_) {
    block(1);
  } else {
    if (!begins_cell_) breaks_ = wanted_breaks_ = 0;  // those at the end of the cell before
    ++tabs_;
  }
  space_ = false;
  in_row_ = true;
  begins_cell_ = true;
}

// Writes what is owed before a word of that many bytes and makes room for both.
void Layout::begin_word(std::size_t size) {
  std::size_t breaks = size_ == 0 ? 0 : breaks_ + wanted_breaks_;
  std::size_t tabs = size_ == 0 ? 0 : tabs_;
  std::size_t needed = size_ + breaks + tabs + 1 + size + block_size;
  if (needed > text_.size()) text_.resize(std::max(needed + 4096, text_.size() / 2 * 3));
  if (breaks + tabs != 0) {
    std::memset(&text_[size_], '\n', breaks);
    std::memset(&text_[size_ + breaks], '\t', tabs);
    size_ += breaks + tabs;
  } else if (space_ && size_ != 0 && !is_space(text_[size_ - 1])) {
    text_[size_++] = ' ';
  }
  breaks_ = wanted_breaks_ = tabs_ = 0;
  space_ = false;
  begins_cell_ = false;
}

// Takes back what is beyond the limit, and the character that lies across it.
void Layout::cut() {
  size_ = max_text_;
  auto is_trail = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  while (size_ != 0 && is_trail(text_[size_])) --size_;
  is_full_ = true;
}

std::string Layout::take() {
  while (size_ != 0 && is_space(text_[size_ - 1])) --size_;
  text_.resize(size_);
  std::string text = std::move(text_);
  *this = Layout(max_text_);
  return text;
}

}  // namespace crawler::html

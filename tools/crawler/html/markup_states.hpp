// What begins with "<!" or "<?": comments, and the way to doctypes and CDATA (HTML
// standard 13.2.5.41 to 52). Part of tokenizer.hpp.
#pragma once

#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

template <TokenSink Sink>
const char* Tokenizer<Sink>::markup_states(const char* p, const char* end) {
  while (p != end) {
    const char* start = p;
    switch (state_) {
      case State::bogus_comment:
        p = find_any<'>', '\0'>(p, end);
        comment(start, p);
        if (p == end) return p;
        if (*p == '>') {
          end_comment();
          return p + 1;
        }
        sink_.comment(replacement);
        ++p;
        break;

      case State::markup_declaration_open:
        p = match_markup(p);
        break;

      case State::comment_start:
      case State::comment_start_dash:
        if (*p == '>') {
          end_comment();
          return p + 1;
        }
        if (*p == '-') {
          state_ = state_ == State::comment_start ? State::comment_start_dash : State::comment_end;
          ++p;
        } else {
          if (state_ == State::comment_start_dash) sink_.comment("-");
          state_ = State::comment;
        }
        break;

      case State::comment:
        p = find_any<'-', '\0'>(p, end);
        comment(start, p);
        if (p == end) return p;
        if (*p == '-') {
          state_ = State::comment_end_dash;
        } else {
          sink_.comment(replacement);
        }
        ++p;
        break;

      case State::comment_end_dash:
        if (*p == '-') {
          state_ = State::comment_end;
          ++p;
        } else {
          sink_.comment("-");
          state_ = State::comment;
        }
        break;

      case State::comment_end:
        if (*p == '>') {
          end_comment();
          return p + 1;
        }
        if (*p == '!') {
          state_ = State::comment_end_bang;
          ++p;
        } else if (*p == '-') {
          sink_.comment("-");
          ++p;
        } else {
          sink_.comment("--");
          state_ = State::comment;
        }
        break;

      case State::comment_end_bang:
        if (*p == '>') {
          end_comment();
          return p + 1;
        }
        sink_.comment("--!");
        state_ = *p == '-' ? State::comment_end_dash : State::comment;
        if (*p == '-') ++p;
        break;

      default:
        return p;
    }
  }
  return p;
}

// One byte of "--", "DOCTYPE" in any case, or "[CDATA[" (13.2.5.42). They differ in the first byte.
// What fits no further is a bogus comment from its first byte on; none of the words holds a ">".
template <TokenSink Sink>
const char* Tokenizer<Sink>::match_markup(const char* p) {
  if (matched_ == 0) {
    keyword_ = *p == '-' ? "--" : *p == '[' ? "[CDATA[" : "doctype";
  }
  char wanted = keyword_[matched_];
  bool fits = is_letter(wanted) && keyword_[0] == 'd' ? to_lower(*p) == wanted : *p == wanted;
  if (!fits) {
    comment(name_, name_ + matched_);
    state_ = State::bogus_comment;
    return p;
  }
  name_[matched_++] = *p;
  if (matched_ == keyword_.size()) {
    if (keyword_[0] == '-') {
      state_ = State::comment_start;
    } else if (keyword_[0] == 'd') {
      force_quirks_ = false;
      state_ = State::doctype;
    } else if (sink_.allows_cdata()) {
      state_ = State::cdata_section;
    } else {
      comment(name_, name_ + matched_);
      state_ = State::bogus_comment;
    }
  }
  return p + 1;
}

template <TokenSink Sink>
void Tokenizer<Sink>::comment(const char* from, const char* to) {
  if (from != to) sink_.comment({from, static_cast<std::size_t>(to - from)});
}

template <TokenSink Sink>
void Tokenizer<Sink>::end_comment() {
  sink_.comment_end();
  state_ = State::data;
}

}  // namespace crawler::html

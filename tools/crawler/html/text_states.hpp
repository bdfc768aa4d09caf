// Text: data, RCDATA, RAWTEXT, PLAINTEXT and CDATA (HTML standard 13.2.5.1 to 5, 9 to 14, 69 to
// 71). Part of tokenizer.hpp.
#pragma once

#include <algorithm>

#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

template <TokenSink Sink>
const char* Tokenizer<Sink>::text_states(const char* p, const char* end) {
  while (p != end) {
    const char* start = p;
    switch (state_) {
      case State::data:
        p = find_any<'<', '&'>(p, end);
        characters(start, p);
        if (p == end) return p;
        if (*p == '<') {
          state_ = State::tag_open;
        } else {
          begin_reference();
        }
        return p + 1;

      case State::rcdata:
        p = find_any<'<', '&', '\0'>(p, end);
        characters(start, p);
        if (p == end) return p;
        if (*p == '<') {
          begin_raw_end_tag(State::rcdata);
        } else if (*p == '&') {
          begin_reference();
          return p + 1;
        } else {
          null_character();
        }
        ++p;
        break;

      case State::rawtext:
      case State::script_data:
        p = find_any<'<', '\0'>(p, end);
        characters(start, p);
        if (p == end) return p;
        if (*p == '\0') {
          null_character();
        } else if (state_ == State::rawtext) {
          begin_raw_end_tag(State::rawtext);
        } else {
          state_ = State::script_data_less_than;
          return p + 1;
        }
        ++p;
        break;

      case State::plaintext:
        p = find_any<'\0'>(p, end);
        characters(start, p);
        if (p == end) return p;
        null_character();
        ++p;
        break;

      case State::cdata_section:
        p = find_any<']'>(p, end);
        characters(start, p);
        if (p == end) return p;
        state_ = State::cdata_section_bracket;
        ++p;
        break;

      case State::cdata_section_bracket:
        if (*p == ']') {
          state_ = State::cdata_section_end;
          ++p;
        } else {
          sink_.characters("]");
          state_ = State::cdata_section;
        }
        break;

      case State::cdata_section_end:
        if (*p == ']') {
          sink_.characters("]");
          ++p;
        } else if (*p == '>') {
          state_ = State::data;
          ++p;
        } else {
          sink_.characters("]]");
          state_ = State::cdata_section;
        }
        break;

      case State::raw_less_than:
        if (*p == '/') {
          state_ = State::raw_end_tag_open;
          ++p;
        } else {
          sink_.characters("<");
          state_ = raw_state_;
        }
        break;

      case State::raw_end_tag_open:
        // The letters of the name are compared as they come; what does not fit was text all along.
        matched_ = 0;
        state_ = State::raw_end_tag_name;
        break;

      case State::raw_end_tag_name:
        p = match_raw_end_tag(p);
        break;

      default:
        return p;
    }
  }
  return p;
}

template <TokenSink Sink>
void Tokenizer<Sink>::characters(const char* from, const char* to) {
  if (from != to) sink_.characters({from, static_cast<std::size_t>(to - from)});
}

template <TokenSink Sink>
void Tokenizer<Sink>::begin_content(ContentModel model, std::string_view element) {
  static constexpr State first[] = {State::data,        State::rcdata,    State::rawtext,
                                    State::script_data, State::plaintext, State::cdata_section};
  state_ = first[static_cast<std::size_t>(model)];
  if (model == ContentModel::data) return;
  raw_name_size_ = element.size() <= longest_raw_name ? element.size() : 0;
  std::copy_n(element.begin(), raw_name_size_, raw_name_);
}

template <TokenSink Sink>
void Tokenizer<Sink>::begin_raw_end_tag(State origin) {
  raw_state_ = origin;
  state_ = State::raw_less_than;
}

// One step of "is this the appropriate end tag?" (13.2.5.11): takes the byte at p if it is a letter
// of the name or follows the complete name, and gives up otherwise.
template <TokenSink Sink>
const char* Tokenizer<Sink>::match_raw_end_tag(const char* p) {
  if (matched_ < raw_name_size_ && to_lower(*p) == raw_name_[matched_] && is_letter(*p)) {
    name_[matched_++] = *p;
    return p + 1;
  }
  bool is_complete = matched_ != 0 && matched_ == raw_name_size_;
  if (is_complete && (is_space(*p) || *p == '/' || *p == '>')) {
    begin_tag(true);
    std::copy_n(raw_name_, raw_name_size_, name_);
    name_size_ = raw_name_size_;
    end_tag_name();
    if (*p == '>') {
      end_tag(false);
    } else {
      state_ = *p == '/' ? State::self_closing_start_tag : State::before_attribute_name;
    }
    return p + 1;
  }
  sink_.characters("</");
  characters(name_, name_ + matched_);
  state_ = raw_state_;
  return p;
}

}  // namespace crawler::html

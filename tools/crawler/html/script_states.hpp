// Script data: less-than signs and the escapes of <!-- and <script> within it (HTML
// standard 13.2.5.15 to 31). Part of tokenizer.hpp.
#pragma once

#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

template <TokenSink Sink>
const char* Tokenizer<Sink>::script_states(const char* p, const char* end) {
  // Hands over the byte at p as text and goes on in the state given.
  auto take = [&](State next) {
    sink_.characters({p, 1});
    state_ = next;
    ++p;
  };
  static constexpr std::string_view script = "script";
  // The word after "<" or "</" decides whether the escape begins or ends.
  auto take_word = [&](State if_script, State otherwise) {
    if (is_space(*p) || *p == '/' || *p == '>') {
      take(matched_ == script.size() ? if_script : otherwise);
    } else if (is_letter(*p)) {
      bool fits = matched_ < script.size() && to_lower(*p) == script[matched_];
      matched_ = fits ? matched_ + 1 : script.size() + 1;
      take(state_);
    } else {
      state_ = otherwise;
    }
  };
  while (p != end) {
    const char* start = p;
    switch (state_) {
      case State::script_data_less_than:
        if (*p == '/') {
          raw_state_ = State::script_data;
          state_ = State::raw_end_tag_open;
          return p + 1;
        }
        sink_.characters("<");
        if (*p != '!') {
          state_ = State::script_data;
          return p;
        }
        take(State::script_data_escape_start);
        break;

      case State::script_data_escape_start:
      case State::script_data_escape_start_dash:
        if (*p != '-') {
          state_ = State::script_data;
          return p;
        }
        take(state_ == State::script_data_escape_start ? State::script_data_escape_start_dash
                                                       : State::script_data_escaped_dash_dash);
        break;

      case State::script_data_escaped:
        p = find_any<'-', '<', '\0'>(p, end);
        characters(start, p);
        if (p == end) return p;
        if (*p == '-') {
          take(State::script_data_escaped_dash);
        } else {
          if (*p == '\0') {
            null_character();
          } else {
            state_ = State::script_data_escaped_less_than;
          }
          ++p;
        }
        break;

      case State::script_data_escaped_dash:
      case State::script_data_escaped_dash_dash:
        if (*p == '-') {
          take(State::script_data_escaped_dash_dash);
        } else if (*p == '<') {
          state_ = State::script_data_escaped_less_than;
          ++p;
        } else if (*p == '>' && state_ == State::script_data_escaped_dash_dash) {
          take(State::script_data);
          return p;
        } else {
          state_ = State::script_data_escaped;
        }
        break;

      case State::script_data_escaped_less_than:
        if (*p == '/') {
          raw_state_ = State::script_data_escaped;
          state_ = State::raw_end_tag_open;
          return p + 1;
        }
        sink_.characters("<");
        matched_ = 0;
        state_ =
            is_letter(*p) ? State::script_data_double_escape_start : State::script_data_escaped;
        break;

      case State::script_data_double_escape_start:
        take_word(State::script_data_double_escaped, State::script_data_escaped);
        break;

      case State::script_data_double_escaped:
        p = find_any<'-', '<', '\0'>(p, end);
        characters(start, p);
        if (p == end) return p;
        if (*p == '-') {
          take(State::script_data_double_escaped_dash);
        } else if (*p == '<') {
          take(State::script_data_double_escaped_less_than);
        } else {
          null_character();
          ++p;
        }
        break;

      case State::script_data_double_escaped_dash:
      case State::script_data_double_escaped_dash_dash:
        if (*p == '-') {
          take(State::script_data_double_escaped_dash_dash);
        } else if (*p == '<') {
          take(State::script_data_double_escaped_less_than);
        } else if (*p == '>' && state_ == State::script_data_double_escaped_dash_dash) {
          take(State::script_data);
          return p;
        } else {
          state_ = State::script_data_double_escaped;
        }
        break;

      case State::script_data_double_escaped_less_than:
        if (*p == '/') {
          matched_ = 0;
          take(State::script_data_double_escape_end);
        } else {
          state_ = State::script_data_double_escaped;
        }
        break;

      case State::script_data_double_escape_end:
        take_word(State::script_data_escaped, State::script_data_double_escaped);
        break;

      default:
        return p;
    }
  }
  return p;
}

}  // namespace crawler::html

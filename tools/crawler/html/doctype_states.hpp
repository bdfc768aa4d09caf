// The doctype (HTML standard 13.2.5.53 to 68). Part of tokenizer.hpp.
#pragma once

#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

template <TokenSink Sink>
const char* Tokenizer<Sink>::doctype_states(const char* p, const char* end) {
  static constexpr DoctypeField public_id = DoctypeField::public_identifier;
  static constexpr DoctypeField system_id = DoctypeField::system_identifier;
  while (p != end) {
    bool is_quote = *p == '"' || *p == '\'';
    switch (state_) {
      case State::doctype:
        state_ = State::before_doctype_name;
        break;

      case State::before_doctype_name:
        if (is_space(*p)) {
          ++p;
        } else if (*p == '>') {
          end_doctype(true);
          return p + 1;
        } else {
          state_ = State::doctype_name;
        }
        break;

      case State::doctype_name:
        if (is_space(*p)) {
          matched_ = 0;
          state_ = State::after_doctype_name;
        } else if (*p == '>') {
          end_doctype(false);
          return p + 1;
        } else {
          char letter = to_lower(*p);
          sink_.doctype(DoctypeField::name,
                        letter == '\0' ? replacement : std::string_view(&letter, 1));
        }
        ++p;
        break;

      case State::after_doctype_name:
        if (matched_ == 0 && is_space(*p)) {
          ++p;
        } else if (matched_ == 0 && *p == '>') {
          end_doctype(false);
          return p + 1;
        } else {
          p = match_keyword(p);
        }
        break;

      // The keyword, then perhaps white space, then a quote: the two states for each differ only in
      // the parse errors they report.
      case State::after_doctype_public_keyword:
      case State::before_doctype_public_identifier:
      case State::after_doctype_system_keyword:
      case State::before_doctype_system_identifier: {
        bool is_public = state_ <= State::before_doctype_public_identifier;
        if (is_space(*p)) {
          state_ = is_public ? State::before_doctype_public_identifier
                             : State::before_doctype_system_identifier;
          ++p;
        } else if (is_quote) {
          State quoted = is_public ? State::doctype_public_identifier_double_quoted
                                   : State::doctype_system_identifier_double_quoted;
          State single = is_public ? State::doctype_public_identifier_single_quoted
                                   : State::doctype_system_identifier_single_quoted;
          begin_identifier(is_public ? public_id : system_id, *p == '"' ? quoted : single);
          ++p;
        } else if (*p == '>') {
          end_doctype(true);
          return p + 1;
        } else {
          force_quirks_ = true;
          state_ = State::bogus_doctype;
        }
        break;
      }

      case State::doctype_public_identifier_double_quoted:
        p = read_doctype_field(public_id, '"', State::after_doctype_public_identifier, p, end);
        break;
      case State::doctype_public_identifier_single_quoted:
        p = read_doctype_field(public_id, '\'', State::after_doctype_public_identifier, p, end);
        break;
      case State::doctype_system_identifier_double_quoted:
        p = read_doctype_field(system_id, '"', State::after_doctype_system_identifier, p, end);
        break;
      case State::doctype_system_identifier_single_quoted:
        p = read_doctype_field(system_id, '\'', State::after_doctype_system_identifier, p, end);
        break;

      case State::after_doctype_public_identifier:
      case State::between_doctype_identifiers:
        if (is_space(*p)) {
          state_ = State::between_doctype_identifiers;
          ++p;
        } else if (*p == '>') {
          end_doctype(false);
          return p + 1;
        } else if (is_quote) {
          begin_identifier(system_id, *p == '"' ? State::doctype_system_identifier_double_quoted
                                                : State::doctype_system_identifier_single_quoted);
          ++p;
        } else {
          force_quirks_ = true;
          state_ = State::bogus_doctype;
        }
        break;

      case State::after_doctype_system_identifier:
        if (is_space(*p)) {
          ++p;
        } else if (*p == '>') {
          end_doctype(false);
          return p + 1;
        } else {
          state_ = State::bogus_doctype;  // for once without quirks
        }
        break;

      case State::bogus_doctype:
        p = find_any<'>'>(p, end);
        if (p == end) return p;
        end_doctype(false);
        return p + 1;

      default:
        return p;
    }
  }
  return p;
}

// One byte of "PUBLIC" or "SYSTEM" in any case.
template <TokenSink Sink>
const char* Tokenizer<Sink>::match_keyword(const char* p) {
  if (matched_ == 0) keyword_ = to_lower(*p) == 'p' ? "public" : "system";
  if (to_lower(*p) != keyword_[matched_]) {
    force_quirks_ = true;
    state_ = State::bogus_doctype;
    return p;
  }
  if (++matched_ == keyword_.size()) {
    state_ = keyword_[0] == 'p' ? State::after_doctype_public_keyword
                                : State::after_doctype_system_keyword;
  }
  return p + 1;
}

template <TokenSink Sink>
void Tokenizer<Sink>::begin_identifier(DoctypeField field, State state) {
  sink_.doctype(field, {});
  state_ = state;
}

template <TokenSink Sink>
const char* Tokenizer<Sink>::read_doctype_field(DoctypeField field, char quote, State after,
                                                const char* p, const char* end) {
  const char* start = p;
  while (p != end && *p != quote && *p != '>' && *p != '\0') ++p;
  sink_.doctype(field, {start, static_cast<std::size_t>(p - start)});
  if (p == end) return p;
  if (*p == '>') {
    end_doctype(true);
  } else if (*p == quote) {
    state_ = after;
  } else {
    sink_.doctype(field, replacement);
  }
  return p + 1;
}

template <TokenSink Sink>
void Tokenizer<Sink>::end_doctype(bool force_quirks) {
  sink_.doctype_end(force_quirks || force_quirks_);
  state_ = State::data;
}

}  // namespace crawler::html

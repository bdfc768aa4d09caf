// What each state does when the page ends within it (the EOF rows of HTML standard 13.2.5). Part of
// tokenizer.hpp.
#pragma once

#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

template <TokenSink Sink>
void Tokenizer<Sink>::finish() {
  if (state_ >= State::character_reference) finish_reference();
  switch (state_) {
    case State::cdata_section_bracket:
      return sink_.characters("]");
    case State::cdata_section_end:
      return sink_.characters("]]");
    case State::raw_less_than:
    case State::script_data_less_than:
    case State::script_data_escaped_less_than:
    case State::tag_open:
      return sink_.characters("<");
    case State::raw_end_tag_open:
    case State::end_tag_open:
      return sink_.characters("</");
    case State::raw_end_tag_name:
      sink_.characters("</");
      return characters(name_, name_ + matched_);
    case State::markup_declaration_open:
      comment(name_, name_ + matched_);
      return sink_.comment_end();
    case State::bogus_comment:
    case State::comment_start:
    case State::comment_start_dash:
    case State::comment:
    case State::comment_end_dash:
    case State::comment_end:
    case State::comment_end_bang:
      return sink_.comment_end();
    default:
      if (state_ >= State::doctype && state_ <= State::bogus_doctype) finish_doctype();
      // In text there is nothing left to say, and a tag without its ">" is none.
      return;
  }
}

template <TokenSink Sink>
void Tokenizer<Sink>::finish_doctype() {
  end_doctype(state_ != State::bogus_doctype);
}

template <TokenSink Sink>
void Tokenizer<Sink>::finish_reference() {
  switch (state_) {
    case State::named_character_reference:
      return end_named_reference('\0');
    case State::hexadecimal_character_reference:
    case State::decimal_character_reference:
      return end_numeric_reference();
    default:
      return decline_reference();
  }
}

}  // namespace crawler::html

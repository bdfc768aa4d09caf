// Tags and their attributes (HTML standard 13.2.5.6 to 8 and 32 to 40). Part of tokenizer.hpp.
#pragma once

#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

// States that usually follow one another stand in that order and fall through, so that a tag that
// lies whole in the input costs no dispatch; a tag cut anywhere is resumed through the switch.
template <TokenSink Sink>
const char* Tokenizer<Sink>::tag_states(const char* p, const char* end) {
  while (p != end) {
    switch (state_) {
      case State::tag_open:
        if (*p == '/') {
          state_ = State::end_tag_open;
          ++p;
          break;
        }
        if (*p == '!') {
          state_ = State::markup_declaration_open;
          matched_ = 0;
          return p + 1;
        }
        if (!is_letter(*p)) {
          if (*p == '?') {
            state_ = State::bogus_comment;
          } else {
            sink_.characters("<");
            state_ = State::data;
          }
          return p;
        }
        begin_tag(false);
        break;

      case State::end_tag_open:
        if (!is_letter(*p)) {
          state_ = *p == '>' ? State::data : State::bogus_comment;
          return *p == '>' ? p + 1 : p;
        }
        begin_tag(true);
        [[fallthrough]];

      case State::tag_name:
        p = read_tag_name(p, end);
        if (p == end) return p;
        end_tag_name();
        if (*p == '>') {
          end_tag(false);
          return p + 1;
        }
        if (*p == '/') {
          state_ = State::self_closing_start_tag;
          ++p;
          break;
        }
        state_ = State::before_attribute_name;
        ++p;
        [[fallthrough]];

      case State::before_attribute_name:
        if (!wants_attributes_) p = skip_attributes(p, end);
        while (p != end && is_space(*p)) ++p;
        if (p == end) return p;
        if (*p == '>') {
          end_tag(false);
          return p + 1;
        }
        if (*p == '/') {
          state_ = State::self_closing_start_tag;
          ++p;
          break;
        }
        begin_attribute();
        state_ = State::attribute_name;
        if (*p == '=') {
          // Only as its first character may a name hold "=".
          if (wants_attributes_) sink_.attribute_name("=");
          ++p;
        }
        [[fallthrough]];

      case State::attribute_name:
        p = read_attribute_name(p, end);
        if (p == end) return p;
        if (*p != '=') {
          state_ = State::after_attribute_name;
          break;
        }
        state_ = State::before_attribute_value;
        ++p;
        [[fallthrough]];

      case State::before_attribute_value:
        while (p != end && is_space(*p)) ++p;
        if (p == end) return p;
        if (*p == '>') {
          end_attribute();
          end_tag(false);
          return p + 1;
        }
        if (*p == '\'') {
          state_ = State::attribute_value_single_quoted;
          ++p;
          break;
        }
        if (*p != '"') {
          state_ = State::attribute_value_unquoted;
          break;
        }
        state_ = State::attribute_value_double_quoted;
        ++p;
        [[fallthrough]];

      case State::attribute_value_double_quoted: {
        const char* start = p;
        p = wants_attributes_ ? find_any<'"', '&', '\0'>(p, end) : find_any<'"'>(p, end);
        attribute_value(start, p);
        if (p == end) return p;
        if (*p == '"') {
          end_attribute();
          state_ = State::after_attribute_value_quoted;
        } else if (*p == '&') {
          begin_reference();
          return p + 1;
        } else {
          sink_.attribute_value(replacement);
        }
        ++p;
        break;
      }

      case State::attribute_value_single_quoted: {
        const char* start = p;
        p = wants_attributes_ ? find_any<'\'', '&', '\0'>(p, end) : find_any<'\''>(p, end);
        attribute_value(start, p);
        if (p == end) return p;
        if (*p == '\'') {
          end_attribute();
          state_ = State::after_attribute_value_quoted;
        } else if (*p == '&') {
          begin_reference();
          return p + 1;
        } else {
          sink_.attribute_value(replacement);
        }
        ++p;
        break;
      }

      case State::attribute_value_unquoted: {
        const char* start = p;
        while (p != end && !is_space(*p) && *p != '>' &&
               !(wants_attributes_ && (*p == '&' || *p == '\0'))) {
          ++p;
        }
        attribute_value(start, p);
        if (p == end) return p;
        if (is_space(*p)) {
          end_attribute();
          state_ = State::before_attribute_name;
        } else if (*p == '>') {
          end_attribute();
          end_tag(false);
          return p + 1;
        } else if (*p == '&') {
          begin_reference();
          return p + 1;
        } else {
          sink_.attribute_value(replacement);
        }
        ++p;
        break;
      }

      case State::after_attribute_value_quoted:
        if (*p == '>') {
          end_tag(false);
          return p + 1;
        }
        if (*p == '/') {
          state_ = State::self_closing_start_tag;
          ++p;
        } else {
          // White space or, wrongly, the next attribute; both may be read there.
          state_ = State::before_attribute_name;
        }
        break;

      case State::after_attribute_name:
        while (p != end && is_space(*p)) ++p;
        if (p == end) return p;
        if (*p == '=' && attribute_is_open_) {
          state_ = State::before_attribute_value;
          ++p;
          break;
        }
        end_attribute();
        if (*p == '>') {
          end_tag(false);
          return p + 1;
        }
        if (*p == '/') {
          state_ = State::self_closing_start_tag;
          ++p;
          break;
        }
        begin_attribute();
        state_ = State::attribute_name;
        break;

      case State::self_closing_start_tag:
        if (*p == '>') {
          end_tag(true);
          return p + 1;
        }
        state_ = State::before_attribute_name;
        break;

      default:
        return p;
    }
  }
  return p;
}

template <TokenSink Sink>
void Tokenizer<Sink>::begin_tag(bool is_end_tag) {
  is_end_tag_ = is_end_tag;
  attribute_is_open_ = false;
  name_size_ = 0;
  state_ = State::tag_name;
  sink_.tag_begin(is_end_tag);
}

template <TokenSink Sink>
const char* Tokenizer<Sink>::read_tag_name(const char* p, const char* end) {
#ifdef __SSE2__
  if (name_size_ == 0 && end - p >= 16) {
    // The usual name: short, in lower case and whole. It is found and kept without a loop.
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    __m128i ends = equal_to_any<' ', '\n', '\t', '\f', '/', '>'>(block);
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(ends, not_plain(block))));
    unsigned size = mask == 0 ? 16 : static_cast<unsigned>(std::countr_zero(mask));
    if (size < 16 && ends_name(p[size], ends_tag_name)) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(name_), block);
      name_size_ = size;
      return p + size;
    }
  }
#endif
  std::size_t size = name_size_;
  for (; p != end && !ends_name(*p, ends_tag_name); ++p) {
    if (size == longest_raw_name || *p == '\0') {
      sink_.tag_name({name_, size});
      size = 0;
    }
    if (*p == '\0') {
      sink_.tag_name(replacement);
    } else {
      name_[size++] = to_lower(*p);
    }
  }
  name_size_ = size;
  return p;
}

template <TokenSink Sink>
void Tokenizer<Sink>::end_tag_name() {
  sink_.tag_name({name_, name_size_});
  wants_attributes_ = sink_.wants_attributes();
}

// Past attributes as nearly all are written, name="value", that lie whole in the input; the states see to
// the first that is not. What may follow a value may also stand before a name.
template <TokenSink Sink>
const char* Tokenizer<Sink>::skip_attributes(const char* p, const char* end) {
  while (true) {
    while (p != end && is_space(*p)) ++p;
    const char* name_end = p;
    while (name_end != end && !ends_name(*name_end, ends_attribute_name)) ++name_end;
    if (name_end == p || end - name_end < 2 || name_end[0] != '=' || name_end[1] != '"') return p;
    const char* value_end = find_any<'"'>(name_end + 2, end);
    if (value_end == end) return p;
    p = value_end + 1;
  }
}

template <TokenSink Sink>
void Tokenizer<Sink>::end_tag(bool self_closing) {
  ContentModel model = sink_.tag_end(self_closing);
  begin_content(is_end_tag_ ? ContentModel::data : model, {name_, name_size_});
}

template <TokenSink Sink>
const char* Tokenizer<Sink>::read_attribute_name(const char* p, const char* end) {
  if (!wants_attributes_) {
    while (p != end && !ends_name(*p, ends_attribute_name)) ++p;
    return p;
  }
  char piece[64];
  std::size_t size = 0;
  for (; p != end && !ends_name(*p, ends_attribute_name); ++p) {
    if (size == sizeof piece || *p == '\0') {
      sink_.attribute_name({piece, size});
      size = 0;
    }
    if (*p == '\0') {
      sink_.attribute_name(replacement);
    } else {
      piece[size++] = to_lower(*p);
    }
  }
  if (size != 0) sink_.attribute_name({piece, size});
  return p;
}

template <TokenSink Sink>
void Tokenizer<Sink>::attribute_value(const char* from, const char* to) {
  if (wants_attributes_ && from != to) {
    sink_.attribute_value({from, static_cast<std::size_t>(to - from)});
  }
}

template <TokenSink Sink>
void Tokenizer<Sink>::end_attribute() {
  if (wants_attributes_ && attribute_is_open_) sink_.attribute_end();
  attribute_is_open_ = false;
}

}  // namespace crawler::html

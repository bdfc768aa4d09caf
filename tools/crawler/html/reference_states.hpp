// Character references: &amp; &#228; &#xE4; (HTML standard 13.2.5.72 to 80). Part of tokenizer.hpp.
//
// The longest name wins, and it is known only when a letter comes that no longer name has: of
// "&notit;" the first four bytes are a reference and "it;" is text. What was read since "&" is kept
// for that, never more than the longest name. The "ambiguous ampersand" state only reports an
// error.
#pragma once

#include <array>

#include "entity_table.hpp"
#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

// Where in the root's children each first letter is, so that the usual case needs no search; 0xFF
// where no name begins so.
inline constexpr auto first_entity_letter = [] {
  std::array<std::uint8_t, 128> index{};
  index.fill(0xFF);
  for (std::uint8_t i = 0;; ++i) {
    index[static_cast<unsigned char>(entity_nodes[i].letter)] = i;
    if (entity_nodes[i].is_last) return index;
  }
}();

// The child of a node's children with that letter, or nullptr.
inline const EntityNode* find_entity_letter(std::uint16_t children, char letter) {
  if (children == 0) {
    auto byte = static_cast<unsigned char>(letter);
    if (byte >= first_entity_letter.size() || first_entity_letter[byte] == 0xFF) return nullptr;
    return &entity_nodes[first_entity_letter[byte]];
  }
  for (const EntityNode* node = &entity_nodes[children];; ++node) {
    if (node->letter == letter) return node;
    if (node->is_last) return nullptr;
  }
}

// What a numeric reference stands for: windows-1252 where old pages meant it, U+FFFD for what is no
// character (13.2.5.80). Returns the number of bytes written.
std::size_t encode_numeric_reference(std::uint32_t code_point, char (&utf8)[4]);

template <TokenSink Sink>
const char* Tokenizer<Sink>::reference_states(const char* p, const char* end) {
  while (p != end) {
    switch (state_) {
      case State::character_reference:
        if (*p == '#') {
          reference_[reference_size_++] = *p++;
          state_ = State::numeric_character_reference;
        } else if (is_alphanumeric(*p)) {
          state_ = State::named_character_reference;
        } else {
          decline_reference();
          return p;
        }
        break;

      case State::named_character_reference: {
        const EntityNode* node = find_entity_letter(children_, *p);
        if (node == nullptr) {
          end_named_reference(*p);
          return p;
        }
        reference_[reference_size_++] = *p++;
        if (node->text != 0) {
          match_ = node->text;
          match_size_ = reference_size_;
        }
        children_ = node->children;
        if (children_ == 0) {
          // Nothing can follow the semicolon, so nothing needs to be waited for.
          end_named_reference('\0');
          return p;
        }
        break;
      }

      case State::numeric_character_reference:
        if (*p == 'x' || *p == 'X') {
          reference_[reference_size_++] = *p++;
          state_ = State::hexadecimal_character_reference_start;
        } else if (is_digit(*p)) {
          state_ = State::decimal_character_reference;
        } else {
          decline_reference();
          return p;
        }
        break;

      case State::hexadecimal_character_reference_start:
      case State::hexadecimal_character_reference:
      case State::decimal_character_reference: {
        bool is_decimal = state_ == State::decimal_character_reference;
        char lower = to_lower(*p);
        bool is_hex = !is_decimal && lower >= 'a' && lower <= 'f';
        if (is_digit(*p) || is_hex) {
          auto digit = static_cast<std::uint32_t>(is_hex ? lower - 'a' + 10 : *p - '0');
          // Any number beyond the last code point means the same; this one cannot overflow.
          if (code_point_ <= 0x10FFFF) code_point_ = code_point_ * (is_decimal ? 10 : 16) + digit;
          if (!is_decimal) state_ = State::hexadecimal_character_reference;
          ++p;
        } else if (state_ == State::hexadecimal_character_reference_start) {
          decline_reference();
          return p;
        } else {
          end_numeric_reference();
          return *p == ';' ? p + 1 : p;
        }
        break;
      }

      default:
        return p;
    }
  }
  return p;
}

template <TokenSink Sink>
bool Tokenizer<Sink>::reference_is_in_attribute() const {
  return return_state_ >= State::attribute_value_double_quoted &&
         return_state_ <= State::attribute_value_unquoted;
}

template <TokenSink Sink>
void Tokenizer<Sink>::begin_reference() {
  return_state_ = state_;
  state_ = State::character_reference;
  reference_[0] = '&';
  reference_size_ = 1;
  children_ = 0;
  match_ = 0;
  code_point_ = 0;
}

template <TokenSink Sink>
void Tokenizer<Sink>::reference_text(std::string_view text) {
  if (text.empty()) return;
  if (reference_is_in_attribute()) {
    sink_.attribute_value(text);
  } else {
    sink_.characters(text);
  }
}

// It was no reference: what was read is text.
template <TokenSink Sink>
void Tokenizer<Sink>::decline_reference() {
  reference_text({reference_, reference_size_});
  state_ = return_state_;
}

// `next` is the byte that no name goes on with, 0 at the end of the page.
template <TokenSink Sink>
void Tokenizer<Sink>::end_named_reference(char next) {
  if (match_ == 0) return decline_reference();
  bool has_rest = match_size_ != reference_size_;
  // In an attribute "&copy=1" and "&copyright" are parts of a URL, as old pages wrote them.
  if (reference_is_in_attribute() && reference_[match_size_ - 1] != ';' &&
      (has_rest || next == '=' || is_alphanumeric(next))) {
    return decline_reference();
  }
  const EntityText& text = entity_texts[match_ - 1];
  reference_text({text.bytes, text.size});
  // The rest is letters and digits only, which are text wherever references are.
  reference_text({reference_ + match_size_, reference_size_ - match_size_});
  state_ = return_state_;
}

template <TokenSink Sink>
void Tokenizer<Sink>::end_numeric_reference() {
  char utf8[4];
  reference_text({utf8, encode_numeric_reference(code_point_, utf8)});
  state_ = return_state_;
}

}  // namespace crawler::html

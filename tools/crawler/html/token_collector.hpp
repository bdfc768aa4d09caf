// A sink that makes whole tokens of the pieces, for tests and for looking at a page token by token.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tools/crawler/html/foreign.hpp"
#include "tools/crawler/html/tokenizer.hpp"

namespace crawler::html {

struct Token {
  enum class Kind : std::uint8_t { characters, start_tag, end_tag, comment, doctype };

  Kind kind = Kind::characters;
  std::string text;  // characters, comment; the name of a tag
  std::vector<std::pair<std::string, std::string>>
      attributes;  // of a start tag, the first of each name
  bool self_closing = false;
  std::optional<std::string> name;  // of a doctype
  std::optional<std::string> public_identifier;
  std::optional<std::string> system_identifier;
  bool force_quirks = false;

  bool operator==(const Token&) const = default;
};

// Holds one token at a time, however long it is. Adjacent characters are one token.
class TokenCollector {
 public:
  // Whether tags change how the text after them is read, as they do in a page, or not, which is how
  // the tokenizer is tested alone.
  enum class Mode : std::uint8_t { page, tokens_only };

  TokenCollector(Mode mode, std::function<void(const Token&)> take)
      : mode_(mode), take_(std::move(take)) {}

  // After Tokenizer::finish: hands over the last characters.
  void finish() { hand_over_characters(); }

  void characters(std::string_view piece) { characters_.text += piece; }
  void tag_begin(bool is_end_tag);
  void tag_name(std::string_view piece) { token_.text += piece; }
  bool wants_attributes() const { return token_.kind == Token::Kind::start_tag; }
  void attribute_name(std::string_view piece) { attribute_.first += piece; }
  void attribute_value(std::string_view piece) { attribute_.second += piece; }
  void attribute_end();
  ContentModel tag_end(bool self_closing);
  void comment(std::string_view piece) { comment_ += piece; }
  void comment_end();
  void doctype(DoctypeField field, std::string_view piece);
  void doctype_end(bool force_quirks);
  bool allows_cdata() const { return mode_ == Mode::page && foreign_.is_inside(); }

 private:
  void begin_token(Token::Kind kind);
  void hand_over_characters();
  void hand_over_token();
  ContentModel follow(const Element& element);

  Mode mode_;
  std::function<void(const Token&)> take_;
  ForeignContent foreign_;
  Token characters_;
  Token token_;
  std::string comment_;
  std::pair<std::string, std::string> attribute_;
  std::unordered_set<std::string> attribute_names_;
};

}  // namespace crawler::html

#include "tools/crawler/html/token_collector.hpp"

namespace crawler::html {

void TokenCollector::begin_token(Token::Kind kind) {
  token_ = {};
  token_.kind = kind;
}

void TokenCollector::tag_begin(bool is_end_tag) {
  begin_token(is_end_tag ? Token::Kind::end_tag : Token::Kind::start_tag);
  attribute_ = {};
  attribute_names_.clear();
}

void TokenCollector::attribute_end() {
  if (attribute_names_.insert(attribute_.first).second) {
    token_.attributes.push_back(std::move(attribute_));
  }
  attribute_ = {};
}

ContentModel TokenCollector::tag_end(bool self_closing) {
  token_.self_closing = self_closing && token_.kind == Token::Kind::start_tag;
  ContentModel model = ContentModel::data;
  if (mode_ == Mode::page) model = follow(find_element(token_.text));
  hand_over_token();
  return model;
}

ContentModel TokenCollector::follow(const Element& element) {
  if (token_.kind == Token::Kind::end_tag) {
    foreign_.end(element);
    return ContentModel::data;
  }
  if (foreign_.is_inside() && element.leaves_foreign) foreign_.leave();
  bool was_inside = foreign_.is_inside();
  if (!token_.self_closing) foreign_.start(element);
  return was_inside ? ContentModel::data : element.model;
}

void TokenCollector::comment_end() {
  begin_token(Token::Kind::comment);
  token_.text = std::move(comment_);
  comment_.clear();
  hand_over_token();
}

void TokenCollector::doctype(DoctypeField field, std::string_view piece) {
  if (token_.kind != Token::Kind::doctype) begin_token(Token::Kind::doctype);
  std::optional<std::string>& text = field == DoctypeField::name ? token_.name
                                     : field == DoctypeField::public_identifier
                                         ? token_.public_identifier
                                         : token_.system_identifier;
  if (!text) text.emplace();
  *text += piece;
}

void TokenCollector::doctype_end(bool force_quirks) {
  if (token_.kind != Token::Kind::doctype) begin_token(Token::Kind::doctype);
  token_.force_quirks = force_quirks;
  hand_over_token();
}

void TokenCollector::hand_over_characters() {
  if (characters_.text.empty()) return;
  take_(characters_);
  characters_.text.clear();
}

void TokenCollector::hand_over_token() {
  hand_over_characters();
  take_(token_);
  token_ = {};
}

}  // namespace crawler::html

#include "tests/crawler/html/tokens.hpp"

namespace crawler::html {

namespace {

std::string show(const Token& token) {
  switch (token.kind) {
    case Token::Kind::characters:
      return "'" + token.text + "'";
    case Token::Kind::end_tag:
      return "</" + token.text + ">";
    case Token::Kind::comment:
      return "<!--" + token.text + "-->";
    case Token::Kind::doctype:
      return "<!DOCTYPE " + token.name.value_or("~") + "|" + token.public_identifier.value_or("~") +
             "|" + token.system_identifier.value_or("~") + (token.force_quirks ? "|quirks>" : ">");
    case Token::Kind::start_tag:
      break;
  }
  std::string shown = "<" + token.text;
  for (const auto& [name, value] : token.attributes) {
    shown.append(" ").append(name).append("=\"").append(value).append("\"");
  }
  return shown + (token.self_closing ? "/>" : ">");
}

}  // namespace

std::string tokens_of(std::string_view input, const Start& start, std::size_t piece) {
  std::string shown;
  TokenCollector collector(start.mode, [&](const Token& token) { shown += show(token); });
  Tokenizer tokenizer(collector, start.model, start.element);
  if (piece > input.size()) piece = input.size();
  for (std::size_t i = 0; i < input.size(); i += piece) tokenizer.feed(input.substr(i, piece));
  tokenizer.finish();
  collector.finish();
  return shown;
}

}  // namespace crawler::html

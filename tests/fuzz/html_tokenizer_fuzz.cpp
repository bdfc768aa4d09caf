// The tokenizer: however the input is cut, the same tokens come out.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tools/crawler/html/token_collector.hpp"

namespace {

using crawler::html::ContentModel;
using crawler::html::Token;
using crawler::html::TokenCollector;

// The first byte says in which content the input begins and how long its pieces are.
std::vector<Token> tokenize(std::string_view input, unsigned char first, std::size_t piece) {
  static constexpr std::string_view elements[] = {"", "title", "style", "script", "", ""};
  std::size_t model = first % 6U;
  std::vector<Token> tokens;
  auto mode = first < 128 ? TokenCollector::Mode::page : TokenCollector::Mode::tokens_only;
  TokenCollector collector(mode, [&](const Token& token) { tokens.push_back(token); });
  crawler::html::Tokenizer tokenizer(collector, static_cast<ContentModel>(model), elements[model]);
  for (std::size_t i = 0; i < input.size(); i += piece) tokenizer.feed(input.substr(i, piece));
  tokenizer.finish();
  collector.finish();
  return tokens;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<Token> whole = tokenize(input, data[0], size);
  if (tokenize(input, data[0], 1) != whole) std::abort();
  if (tokenize(input, data[0], 2U + data[0] % 13U) != whole) std::abort();
  return 0;
}

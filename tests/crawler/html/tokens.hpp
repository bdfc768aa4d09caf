// Tokens as short text, for tables of cases.
#pragma once

#include <string>
#include <string_view>

#include "tools/crawler/html/token_collector.hpp"

namespace crawler::html {

struct Start {
  ContentModel model = ContentModel::data;
  std::string_view element;
  TokenCollector::Mode mode = TokenCollector::Mode::page;
};

// text is 'text', tags <name a="v"/> and </name>, comments <!--text-->, doctypes
// <!DOCTYPE name|public|system|quirks> with ~ for what is missing.
std::string tokens_of(std::string_view input, const Start& start = {},
                      std::size_t piece = std::string_view::npos);

}  // namespace crawler::html

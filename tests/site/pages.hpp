// The pages of the demo site: page N always has the same bytes, in the language and character set
// that N picks, so that a test knows what text must come back. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace site {

struct Page {
  std::string content_type;
  std::string body;                         ///< As it travels, before compression.
  std::string marker;                       ///< Stands in the text of this page only.
  std::string title;                        ///< UTF-8.
  std::vector<std::string_view> sentences;  ///< UTF-8; stand in the text, one after the other.
  std::string_view charset;                 ///< What the body is written in.
};

/// Page `number` (from 1) of a site of `pages`, to which its links are kept.
Page page(unsigned number, unsigned pages);

/// What stands in the text of page `number` and in no other text.
std::string marker(unsigned number);

/// The front page: links to all others. UTF-8.
std::string index(unsigned pages);

}  // namespace site

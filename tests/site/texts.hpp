// What the demo site says, in UTF-8: a few true sentences about messages and machines, in several
// languages, written for this site.
#pragma once

#include <span>
#include <string_view>

namespace site {

struct Language {
  std::string_view tag;    ///< BCP 47, as in <html lang>.
  std::string_view title;  ///< Heads the page, followed by its number.
  std::span<const std::string_view> sentences;
};

/// The language of that tag, which must be one of the list in texts.cpp.
const Language& language(std::string_view tag);

}  // namespace site

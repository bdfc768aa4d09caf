// The table of docs/contract.md: which kind keeps which sentence, and what is less than that.
//
// The document is for those who read all of it, this for `ipc kinds KIND`. A test holds them against
// each other, cell by cell and word by word (tests/cli/kinds_test.py).
#pragma once

#include <span>
#include <string_view>

namespace tools {

/// The rows, as the document calls them.
std::span<const std::string_view> contract_sentences();

/// The cell: "+" if the kind keeps the sentence as written; letters after it, "+ b, c", stand for
/// what deviates; without "+" the sentence does not apply, or only what the letters say.
std::string_view contract_mark(std::string_view kind, std::string_view sentence);

struct Deviation {
  char letter;
  std::string_view because;  ///< The traits that it comes with: "named = false", "durable".
  std::string_view text;
};
std::span<const Deviation> contract_deviations();

}  // namespace tools

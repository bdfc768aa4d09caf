// Text for a terminal of 80 columns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tools {

/// `text` broken at its spaces. The first line begins with `head`, padded to `indent` columns, and the
/// others with as many spaces; all end with a newline. ASCII only.
std::string wrapped(std::string_view head, std::size_t indent, std::string_view text);

/// 819200 as "819,200".
std::string grouped(std::uint64_t number);

}  // namespace tools

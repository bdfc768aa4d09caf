// When to take which kind, and which limits of the machine it meets.
#pragma once

#include <span>
#include <string_view>

namespace tools {

struct Bound {
  std::string_view limit;  ///< A name for read_limit().
  std::string_view about;  ///< What of this kind it bounds.
};

struct Guide {
  std::string_view kind;
  std::string_view advice;  ///< One sentence: take it for this, not for that.
  std::span<const Bound> bounds;
};

/// The guide to a kind; throws std::out_of_range if nobody has written one.
const Guide& guide_to(std::string_view kind);

}  // namespace tools

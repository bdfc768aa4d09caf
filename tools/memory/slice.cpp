#include "tools/memory/slice.hpp"

#include <algorithm>
#include <charconv>

#include "tools/cli/exit.hpp"

namespace tools {

std::int64_t parse_position(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  // Half of the range is enough for any file, and leaves room to reckon in.
  constexpr std::int64_t most = std::int64_t{1} << 62;
  if (error != std::errc{} || rest != end || number > most || number < -most)
    throw UsageError("'" + text + "' is no position; give a whole number, below 0 from the end");
  return number;
}

Slice parse_slice(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos)
    throw UsageError("'" + text + "' is no slice; give FROM:TO, of which either may be left out");
  Slice slice;
  if (colon > 0) slice.from = parse_position(text.substr(0, colon));
  if (colon + 1 < text.size()) slice.to = parse_position(text.substr(colon + 1));
  return slice;
}

Part part_of(const Slice& slice, std::size_t size) {
  const auto end = static_cast<std::int64_t>(size);
  const auto clamped = [end](std::int64_t position) {
    return std::clamp<std::int64_t>(position < 0 ? position + end : position, 0, end);
  };
  const auto from = clamped(slice.from.value_or(0));
  const auto to = clamped(slice.to.value_or(end));
  return {static_cast<std::size_t>(from),
          static_cast<std::size_t>(std::max<std::int64_t>(to - from, 0))};
}

std::optional<std::size_t> place_of(std::int64_t position, std::size_t count, std::size_t size) {
  const auto end = static_cast<std::int64_t>(size);
  if (position < 0) position += end;
  if (position < 0 || position > end || count > size - static_cast<std::size_t>(position))
    return std::nullopt;
  return static_cast<std::size_t>(position);
}

}  // namespace tools

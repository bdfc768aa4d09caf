// Which part of a sequence is meant, in Python's terms. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tools {

/// FROM:TO as in Python: either may be left out, and one below zero counts from the end.
struct Slice {
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
};
/// Throws UsageError.
Slice parse_slice(const std::string& text);

struct Part {
  std::size_t from = 0;
  std::size_t count = 0;
};
/// Of a sequence of `size` items; what lies outside of it is left out, as Python does.
Part part_of(const Slice& slice, std::size_t size);

/// A position; below zero it counts from the end. Throws UsageError.
std::int64_t parse_position(const std::string& text);
/// Where in a sequence of `size` items `count` of them begin; empty if they do not fit there.
std::optional<std::size_t> place_of(std::int64_t position, std::size_t count, std::size_t size);

}  // namespace tools

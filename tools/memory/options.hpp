// The command lines of the programs that look into mapped memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/cli/command_line.hpp"
#include "tools/cli/format.hpp"
#include "tools/explain.hpp"
#include "tools/memory.hpp"
#include "tools/memory/slice.hpp"
#include "tools/memory/typed.hpp"

namespace tools {

/// What both are told. Without a type the items are bytes.
struct MemoryOptions {
  std::string program;
  std::string name;  ///< As it was given.
  std::string path;
  Narration narration = Narration::none;
  std::int64_t at = 0;  ///< Where in the file the first item begins.
  std::optional<ValueType> type;
  std::optional<std::int64_t> index;  ///< Which item.
  std::optional<std::size_t> count;   ///< How many.
};

struct PeekOptions : MemoryOptions {
  std::optional<Slice> slice;
  bool line = false;
  std::optional<Format> format;
};

struct PokeOptions : MemoryOptions {
  std::vector<Argument> values;
  std::optional<std::string> add;
  std::optional<std::size_t> create;
  mode_t mode = 0600;
  bool sync = false;
};

/// Throw UsageError, and Ending with Exit::ok after --help or --version.
PeekOptions parse_peek(MemoryHome home, int argc, char** argv);
PokeOptions parse_poke(MemoryHome home, int argc, char** argv);

/// The part of the file in which items lie, from options.at on. Throws Ending if there is no such
/// place.
std::span<std::byte> items_of(const MemoryOptions& options, std::span<std::byte> file);
/// "12 values of type i", "40 bytes"
std::string shown_count(const MemoryOptions& options, std::size_t count);

}  // namespace tools

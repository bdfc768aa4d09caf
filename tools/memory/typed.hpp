// Typed values in memory, by the codes of Python's struct and array modules, in the machine's own
// byte order. Touches nothing but the memory it is given.
//
// A value at an address that is a multiple of its size is loaded and stored in one piece: whoever
// stores it at the same time, in another process, is seen to have done so or not. Elsewhere a value
// may be read half old and half new.
#pragma once

#include <cstddef>
#include <string>

namespace tools {

struct ValueType {
  char code = 0;
  std::size_t size = 0;  ///< In bytes.
};

/// b B h H i I q Q (signed and unsigned integers of 1, 2, 4 and 8 bytes), f d. Throws UsageError.
ValueType parse_type(const std::string& text);

/// The value in the shortest form that parses to the same one.
std::string load(ValueType type, const std::byte* at);

/// The bytes of the value that `text` says; integers may be hexadecimal (0x1f). Throws UsageError
/// if it is none of that type, naming the type's range.
std::string parse_value(ValueType type, const std::string& text);
/// Stores what parse_value() returned.
void store(ValueType type, std::byte* at, const std::string& value);

/// Adds in one step, so that nothing that others add at the same time is lost; returns the sum.
/// Integers wrap around. `text` is a number of the type, but may be negative for all. Throws
/// UsageError if it is none, and Ending if `at` is no multiple of the size.
std::string add(ValueType type, std::byte* at, const std::string& text);

}  // namespace tools

#include "tools/memory/typed.hpp"

#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

#include "tools/cli/exit.hpp"

namespace tools {
namespace {

// Calls `act` with a null pointer to the C++ type that the code stands for.
template <class Act>
auto with(ValueType type, Act act) {
  switch (type.code) {
    case 'b':
      return act(static_cast<std::int8_t*>(nullptr));
    case 'B':
      return act(static_cast<std::uint8_t*>(nullptr));
    case 'h':
      return act(static_cast<std::int16_t*>(nullptr));
    case 'H':
      return act(static_cast<std::uint16_t*>(nullptr));
    case 'i':
      return act(static_cast<std::int32_t*>(nullptr));
    case 'I':
      return act(static_cast<std::uint32_t*>(nullptr));
    case 'q':
      return act(static_cast<std::int64_t*>(nullptr));
    case 'Q':
      return act(static_cast<std::uint64_t*>(nullptr));
    case 'f':
      return act(static_cast<float*>(nullptr));
    case 'd':
      return act(static_cast<double*>(nullptr));
    default:
      throw std::logic_error("a value type without parse_type()");
  }
}

bool is_aligned(const std::byte* at, std::size_t size) {
  return reinterpret_cast<std::uintptr_t>(at) % size == 0;
}

template <class T>
T value_at(const std::byte* at) {
  // Acquire: who sees a value that another program has stored as its last sees what that stored
  // before. The memory may be mapped for reading only; a load does not write.
  if (is_aligned(at, sizeof(T)))
    return std::atomic_ref<T>(*reinterpret_cast<T*>(const_cast<std::byte*>(at)))
        .load(std::memory_order_acquire);
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
std::string shown(T value) {
  std::array<char, 64> text{};
  // One of a single byte is a number as well, not a character.
  using Shown = std::conditional_t<sizeof(T) == 1, int, T>;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), Shown{value}).ptr;
  return {text.data(), end};
}

template <class T>
[[noreturn]] void refuse(ValueType type, const std::string& text) {
  if constexpr (std::is_floating_point_v<T>)
    throw UsageError("'" + text + "' is no number that a value of type " + type.code + " can have");
  else
    throw UsageError("'" + text + "' is no value of type " + type.code + ": from " +
                     shown(std::numeric_limits<T>::min()) + " to " +
                     shown(std::numeric_limits<T>::max()));
}

template <class T>
bool parse_whole(std::string_view text, T& value) {
  const char* const end = text.data() + text.size();
  std::from_chars_result result{};
  if constexpr (std::is_floating_point_v<T>) {
    result = std::from_chars(text.data(), end, value);
  } else {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    result =
        std::from_chars(text.data() + (hexadecimal ? 2 : 0), end, value, hexadecimal ? 16 : 10);
  }
  return result.ec == std::errc{} && result.ptr == end && !text.empty();
}

}  // namespace

ValueType parse_type(const std::string& text) {
  constexpr std::string_view codes = "bBhHiIqQfd";
  constexpr std::array<std::size_t, 10> sizes{1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
  const auto index = text.size() == 1 ? codes.find(text[0]) : std::string_view::npos;
  if (index == std::string_view::npos)
    throw UsageError("'" + text +
                     "' is no type; there are b B h H i I q Q, integers of 1, 2, 4 and 8 bytes, "
                     "unsigned if capital, f and d");
  return {text[0], sizes.at(index)};
}

std::string load(ValueType type, const std::byte* at) {
  return with(type, [&]<class T>(T*) { return shown(value_at<T>(at)); });
}

std::string parse_value(ValueType type, const std::string& text) {
  return with(type, [&]<class T>(T*) {
    T value{};
    if (!parse_whole(text, value)) refuse<T>(type, text);
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  });
}

void store(ValueType type, std::byte* at, const std::string& value) {
  with(type, [&]<class T>(T*) {
    T typed;
    std::memcpy(&typed, value.data(), sizeof typed);
    // Release: pairs with the acquire of whoever reads it, here or in another program.
    if (is_aligned(at, sizeof(T)))
      std::atomic_ref<T>(*reinterpret_cast<T*>(at)).store(typed, std::memory_order_release);
    else
      std::memcpy(at, &typed, sizeof typed);
  });
}

std::string add(ValueType type, std::byte* at, const std::string& text) {
  return with(type, [&]<class T>(T*) {
    if (!is_aligned(at, sizeof(T)))
      throw Ending(Exit::error, "add: only a value at a multiple of its " +
                                    std::to_string(sizeof(T)) +
                                    " bytes can be added to in one step");
    T operand{};
    if (!parse_whole(text, operand)) {
      // Of an unsigned type -1 is what takes one away: all wraps around.
      if constexpr (std::is_unsigned_v<T>) {
        std::make_signed_t<T> negative{};
        if (!parse_whole(text, negative)) refuse<T>(type, text);
        operand = static_cast<T>(negative);
      } else {
        refuse<T>(type, text);
      }
    }
    std::atomic_ref<T> value(*reinterpret_cast<T*>(at));
    return shown(static_cast<T>(value.fetch_add(operand, std::memory_order_acq_rel) + operand));
  });
}

}  // namespace tools

#include "ipc/wire/letter_name.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace ipc::wire {

std::string LetterName::text() const {
  std::array<char, 40> out{};
  std::snprintf(out.data(), out.size(), "%016llx.%08x.%08x",
                static_cast<unsigned long long>(ticket), sender, message);
  return out.data();
}

std::optional<LetterName> LetterName::parse(std::string_view text) {
  LetterName name;
  const auto number = [&](std::size_t at, std::size_t digits, auto& value) {
    const char* const begin = text.data() + at;
    return std::from_chars(begin, begin + digits, value, 16).ptr == begin + digits;
  };
  // Compared with what it should be, lest it is in capitals.
  if (text.size() != 34 || !number(0, 16, name.ticket) || !number(17, 8, name.sender) ||
      !number(26, 8, name.message) || name.text() != text)
    return std::nullopt;
  return name;
}

}  // namespace ipc::wire

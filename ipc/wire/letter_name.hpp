// The name of a message that is a file: everything that is known of it but its bytes.
//
//     000000000000004f.00000082.00000007
//     ticket           sender   message
//
// In hexadecimal digits, so that names in alphabetical order are in the order of their tickets.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ipc::wire {

struct LetterName {
  std::uint64_t ticket = 0;   ///< From 1 on, of all senders; grows with each message of a sender.
  std::uint32_t sender = 0;   ///< The number of the connection.
  std::uint32_t message = 0;  ///< Which of that sender's messages it is, from 1 on.

  /// By ticket first: the order in which they are read.
  auto operator<=>(const LetterName&) const = default;

  std::string text() const;
  /// Empty for what text() cannot have written.
  static std::optional<LetterName> parse(std::string_view text);
};

}  // namespace ipc::wire

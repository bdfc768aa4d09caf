// Structures whose members can be set by name: from a configuration file, an option, a command line.
//
// A table has one row for each member, with its name, its range and what it is. Plain values; pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crawler {

using Milliseconds = std::chrono::milliseconds;

/// What is written as a whole number; as seconds, such as 2.5; as true or false; as a list; as text.
enum class Form { number, seconds, boolean, list, text };

template <class Struct>
struct Setting {
  using Member = std::variant<std::uint64_t Struct::*, Milliseconds Struct::*, bool Struct::*,
                              std::vector<std::string> Struct::*, std::string Struct::*>;
  std::string_view key;  ///< In the configuration file; with '-' for '_' the option's name.
  Member member;         ///< In the order of Form.
  std::uint64_t least;   ///< For numbers; for seconds in milliseconds.
  std::uint64_t most;
  std::string_view type;  ///< What help writes in the value's place: "SECONDS".
  std::string_view help;

  Form form() const { return static_cast<Form>(member.index()); }
};

/// "max_body" → "--max-body".
std::string option_of(std::string_view key);

/// The range of a Setting, without its type.
struct Range {
  std::uint64_t least;
  std::uint64_t most;
};
// A value as text and back. assign() returns what is wrong with the text, or "".
std::string render(std::uint64_t);
std::string render(Milliseconds);
std::string render(bool);
std::string render(const std::vector<std::string>&);  ///< Joined by commas.
std::string render(const std::string&);
std::string assign(std::uint64_t&, std::string_view text, Range);
std::string assign(Milliseconds&, std::string_view text, Range);
std::string assign(bool&, std::string_view text, Range);
std::string assign(std::vector<std::string>&, std::string_view text, Range);
/// Control characters are refused: a line break in a header of HTTP would begin another one.
std::string assign(std::string&, std::string_view text, Range);

template <class Struct>
std::string setting_text(const Struct& values, const Setting<Struct>& setting) {
  return std::visit([&](auto member) { return render(values.*member); }, setting.member);
}
template <class Struct>
std::string set_setting(Struct& values, const Setting<Struct>& setting, std::string_view text) {
  return std::visit(
      [&](auto member) {
        return assign(values.*member, text, {setting.least, setting.most});
      },
      setting.member);
}

}  // namespace crawler

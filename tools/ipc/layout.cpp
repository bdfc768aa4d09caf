#include "tools/ipc/layout.hpp"

#include <algorithm>

namespace tools {
namespace {

constexpr std::size_t kColumns = 80;

}  // namespace

std::string wrapped(std::string_view head, std::size_t indent, std::string_view text) {
  std::string lines;
  std::string line(head);
  if (line.size() < indent) line.resize(indent, ' ');
  bool is_fresh = true;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!is_fresh && line.size() + 1 + word.size() > kColumns) {
      lines += line + "\n";
      line.assign(indent, ' ');
      is_fresh = true;
    }
    if (!is_fresh) line += ' ';
    line += word;
    is_fresh = false;
  }
  return lines + line + "\n";
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

}  // namespace tools

#include "tools/crawler/charset/meta_prescan.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "tools/crawler/html/scan.hpp"

namespace crawler {

namespace {

using html::is_letter;
using html::to_lower;

bool is_space(char c) {
  return html::is_space(c) || c == '\r';
}

bool equal_ignoring_case(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != lower[i]) return false;
  }
  return true;
}

struct Attribute {
  std::string name;  // lower case; empty when there is no further attribute
  std::string value;
};

class Prescan {
 public:
  explicit Prescan(std::string_view bytes) : bytes_(bytes.substr(0, prescan_size)) {}

  std::optional<Encoding> run() {
    for (; !is_at_end(); ++at_) {
      if (starts_with("<!--")) {
        // The two dashes may be the ones that begin the comment: <!--> is a whole one.
        std::size_t end = bytes_.find("-->", at_ + 2);
        at_ = end == std::string_view::npos ? bytes_.size() : end + 2;
      } else if (is_meta()) {
        at_ += 5;
        if (std::optional<Encoding> found = read_meta()) return found;
      } else if (is_tag()) {
        while (!is_at_end() && !is_space(bytes_[at_]) && bytes_[at_] != '>') ++at_;
        while (!read_attribute().name.empty()) {
        }
      } else if (starts_with("<!") || starts_with("</") || starts_with("<?")) {
        at_ = std::min(bytes_.find('>', at_ + 2), bytes_.size());
      }
    }
    return std::nullopt;
  }

 private:
  bool is_at_end() const { return at_ >= bytes_.size(); }
  bool starts_with(std::string_view text) const { return bytes_.substr(at_).starts_with(text); }

  bool is_meta() const {
    std::string_view rest = bytes_.substr(at_);
    return rest.size() > 5 && equal_ignoring_case(rest.substr(0, 5), "<meta") &&
           (is_space(rest[5]) || rest[5] == '/');
  }

  bool is_tag() const {
    std::string_view rest = bytes_.substr(at_);
    if (rest.size() < 2 || rest[0] != '<') return false;
    return is_letter(rest[1]) || (rest[1] == '/' && rest.size() > 2 && is_letter(rest[2]));
  }

  std::optional<Encoding> read_meta() {
    std::vector<std::string> seen;
    bool is_content_type = false;
    bool needs_content_type = false;
    std::optional<std::string> label;
    while (true) {
      Attribute attribute = read_attribute();
      if (attribute.name.empty()) break;
      if (std::find(seen.begin(), seen.end(), attribute.name) != seen.end()) continue;
      seen.push_back(attribute.name);
      if (attribute.name == "http-equiv") {
        is_content_type = attribute.value == "content-type";
      } else if (attribute.name == "content") {
        std::string_view found = label_in_content(attribute.value);
        if (!label && find_encoding(found)) {
          label = found;
          needs_content_type = true;
        }
      } else if (attribute.name == "charset") {
        label = attribute.value;
        needs_content_type = false;
      }
    }
    if (!label || (needs_content_type && !is_content_type)) return std::nullopt;
    std::optional<Encoding> encoding = find_encoding(*label);
    if (encoding == Encoding::utf_16be || encoding == Encoding::utf_16le) return Encoding::utf_8;
    if (encoding == Encoding::x_user_defined) return Encoding::windows_1252;
    return encoding;
  }

  // "Get an attribute"; its value in lower case.
  Attribute read_attribute() {
    Attribute attribute;
    while (!is_at_end() && (is_space(bytes_[at_]) || bytes_[at_] == '/')) ++at_;
    if (is_at_end() || bytes_[at_] == '>') return {};
    for (; !is_at_end(); ++at_) {
      char c = bytes_[at_];
      if (c == '/' || c == '>') return attribute;
      if (is_space(c) || (c == '=' && !attribute.name.empty())) break;
      attribute.name += to_lower(c);
    }
    skip_space();
    if (is_at_end() || bytes_[at_] != '=') return attribute;
    ++at_;
    skip_space();
    if (is_at_end() || bytes_[at_] == '>') return attribute;
    char quote = bytes_[at_];
    bool is_quoted = quote == '"' || quote == '\'';
    if (is_quoted) ++at_;
    for (; !is_at_end(); ++at_) {
      char c = bytes_[at_];
      if (is_quoted ? c == quote : is_space(c) || c == '>') {
        if (is_quoted) ++at_;
        return attribute;
      }
      attribute.value += to_lower(c);
    }
    return {};  // cut off within the value, which therefore cannot be trusted
  }

  void skip_space() {
    while (!is_at_end() && is_space(bytes_[at_])) ++at_;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<Encoding> prescan_meta(std::string_view bytes) {
  return Prescan(bytes).run();
}

std::optional<Encoding> prescan_xml_declaration(std::string_view bytes) {
  bytes = bytes.substr(0, prescan_size);
  if (!bytes.starts_with("<?xml")) return std::nullopt;
  bytes = bytes.substr(0, bytes.find('>'));
  std::size_t at = bytes.find("encoding");
  if (at == std::string_view::npos) return std::nullopt;
  at = bytes.find_first_not_of(" \t\r\n", at + 8);
  if (at == std::string_view::npos || bytes[at] != '=') return std::nullopt;
  at = bytes.find_first_not_of(" \t\r\n", at + 1);
  if (at == std::string_view::npos || (bytes[at] != '"' && bytes[at] != '\'')) return std::nullopt;
  std::size_t end = bytes.find(bytes[at], at + 1);
  if (end == std::string_view::npos) return std::nullopt;
  std::optional<Encoding> encoding = find_encoding(bytes.substr(at + 1, end - at - 1));
  if (encoding == Encoding::utf_16be || encoding == Encoding::utf_16le) return Encoding::utf_8;
  return encoding;
}

std::string_view label_in_content(std::string_view content) {
  static constexpr std::string_view word = "charset";
  for (std::size_t at = 0; at + word.size() <= content.size(); ++at) {
    if (!equal_ignoring_case(content.substr(at, word.size()), word)) continue;
    std::size_t p = at + word.size();
    while (p < content.size() && is_space(content[p])) ++p;
    if (p == content.size() || content[p] != '=') continue;
    ++p;
    while (p < content.size() && is_space(content[p])) ++p;
    if (p == content.size()) return {};
    std::string_view rest = content.substr(p);
    if (rest[0] == '"' || rest[0] == '\'') {
      std::size_t end = rest.find(rest[0], 1);
      return end == std::string_view::npos ? std::string_view() : rest.substr(1, end - 1);
    }
    return rest.substr(0, rest.find_first_of("; \t\r\n\f"));
  }
  return {};
}

}  // namespace crawler

#include "tools/crawler/sniff.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace crawler {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array signatures{
    "%PDF-"sv,
    "%!PS-Adobe-"sv,
    "\x89PNG\r\n\x1a\n"sv,
    "GIF87a"sv,
    "GIF89a"sv,
    "\xff\xd8\xff"sv,
    "PK\x03\x04"sv,
    "\x1f\x8b\x08"sv,
    "\x7f"
    "ELF"sv,
    "OggS\0"sv,
    "Rar!\x1a\x07"sv,
    "BZh91AY&SY"sv,
    "\xfd"
    "7zXZ\0"sv,
    "7z\xbc\xaf\x27\x1c"sv,
    "\x28\xb5\x2f\xfd"sv,
    "\0asm"sv,
    "wOFF"sv,
    "wOF2"sv,
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// "Text/HTML ; charset=x" → "text/html"
std::string essence(std::string_view content_type) {
  std::string type = lower(content_type.substr(0, content_type.find(';')));
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!type.empty() && is_space(type.back())) type.pop_back();
  type.erase(type.begin(), std::find_if_not(type.begin(), type.end(), is_space));
  return type;
}

// A binary data byte of the standard's section 3: controls other than TAB, LF, FF, CR and ESC.
bool is_binary_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 && byte != 0x09 && byte != 0x0a && byte != 0x0c && byte != 0x0d &&
         byte != 0x1b;
}

// Markup and Latin text in UTF-16 without a mark have their NULs all on even or all on odd places,
// and many of them.
bool has_nuls_of_utf16(std::string_view bytes) {
  std::array<std::size_t, 2> nuls{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\0')
      ++nuls[i % 2];
    else if (is_binary_byte(bytes[i]) && bytes[i] > '\x06')
      return false;  // up to 06xx: Latin, Greek, Cyrillic, Hebrew, Arabic
  }
  return std::min(nuls[0], nuls[1]) == 0 && std::max(nuls[0], nuls[1]) * 5 >= bytes.size();
}

}  // namespace

bool is_text_type(std::string_view content_type) {
  const std::string type = essence(content_type);
  constexpr std::array others{"application/xhtml+xml"sv, "application/xml"sv, "application/json"sv,
                              "application/javascript"sv, "application/ecmascript"sv};
  return type.empty() || type.starts_with("text/") || type.ends_with("+xml") ||
         type.ends_with("+json") || std::find(others.begin(), others.end(), type) != others.end();
}

bool looks_binary(std::string_view first, std::string_view content_type) {
  first = first.substr(0, sniff_length);
  if (first.starts_with("\xfe\xff"sv) || first.starts_with("\xff\xfe"sv) ||
      first.starts_with("\xef\xbb\xbf"sv))
    return false;
  for (const std::string_view signature : signatures)
    if (first.starts_with(signature)) return true;
  if (first.substr(0, 4) == "RIFF"sv && first.size() >= 12 &&
      (first.substr(8, 4) == "WEBP"sv || first.substr(8, 4) == "WAVE"sv ||
       first.substr(8, 4) == "AVI "sv))
    return true;
  if (std::none_of(first.begin(), first.end(), is_binary_byte)) return false;
  const std::string type = lower(content_type);
  if (type.find("utf-16") != type.npos || type.find("utf-32") != type.npos ||
      type.find("ucs-2") != type.npos)
    return false;
  return !has_nuls_of_utf16(first);
}

}  // namespace crawler

#include "tools/crawler/charset.hpp"

#include <algorithm>
#include <optional>

#include "tools/crawler/charset/detect.hpp"
#include "tools/crawler/charset/meta_prescan.hpp"
#include "tools/crawler/charset/utf8.hpp"
#include "tools/crawler/content_type.hpp"

namespace crawler {

namespace {

std::optional<Charset> find_bom(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) return Charset{Encoding::utf_8, CharsetSource::bom, 3};
  if (bytes.starts_with("\xFE\xFF")) return Charset{Encoding::utf_16be, CharsetSource::bom, 2};
  if (bytes.starts_with("\xFF\xFE")) return Charset{Encoding::utf_16le, CharsetSource::bom, 2};
  return std::nullopt;
}

// Valid, or cut within its last character, as a body may be on its way: then what is before must show that
// it is UTF-8, or a last letter in Latin-1 would be taken for one.
bool is_utf8(std::string_view bytes) {
  std::string_view valid = bytes.substr(0, valid_utf8_prefix(bytes));
  std::string_view rest = bytes.substr(valid.size());
  if (rest.empty()) return true;
  auto is_high = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  bool may_go_on = static_cast<unsigned char>(rest[0]) >= 0xC2 &&
                   static_cast<unsigned char>(rest[0]) < 0xF5 &&
                   invalid_utf8_length(rest) == rest.size();
  return may_go_on && std::any_of(valid.begin(), valid.end(), is_high);
}

}  // namespace

std::string_view to_string(CharsetSource source) {
  switch (source) {
    case CharsetSource::bom:
      return "bom";
    case CharsetSource::header:
      return "header";
    case CharsetSource::meta:
      return "meta";
    case CharsetSource::xml:
      return "xml";
    case CharsetSource::nul_pattern:
      return "nul-pattern";
    case CharsetSource::valid_utf8:
      return "valid-utf-8";
    case CharsetSource::detected:
      return "detected";
    case CharsetSource::fallback:
      return "fallback";
    case CharsetSource::given:
      return "given";
  }
  return "";
}

Charset find_charset(std::string_view bytes, std::string_view label, bool is_markup) {
  if (std::optional<Charset> found = find_bom(bytes)) return *found;
  if (std::optional<Encoding> found = find_encoding(label)) return {*found, CharsetSource::header};
  if (is_markup) {
    if (auto found = prescan_meta(bytes)) return {*found, CharsetSource::meta};
    if (auto found = prescan_xml_declaration(bytes)) return {*found, CharsetSource::xml};
  }
  switch (find_nul_pattern(bytes)) {
    case NulPattern::utf_16be:
      return {Encoding::utf_16be, CharsetSource::nul_pattern};
    case NulPattern::utf_16le:
      return {Encoding::utf_16le, CharsetSource::nul_pattern};
    case NulPattern::none:
      break;
  }
  if (is_utf8(bytes)) return {Encoding::utf_8, CharsetSource::valid_utf8};
  if (auto found = detect_encoding(bytes)) return {*found, CharsetSource::detected};
  return {Encoding::windows_1252, CharsetSource::fallback};
}

}  // namespace crawler

#include "tools/crawler/charset/encoding.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "tools/crawler/charset/encoding_labels.hpp"

namespace crawler {

namespace {

constexpr Codec single_byte = Codec::single_byte;
constexpr Codec multi_byte = Codec::multi_byte;

// In the order of the enumerators. Where glibc has several relatives, the one nearest to the standard's
// index: GBK is decoded as GB18030, EUC-JP with Microsoft's extensions, EUC-KR as CP949.
constexpr EncodingInfo encodings[] = {
    {"UTF-8", Codec::utf_8, nullptr},
    {"IBM866", single_byte, "IBM866"},
    {"ISO-8859-2", single_byte, "ISO-8859-2"},
    {"ISO-8859-3", single_byte, "ISO-8859-3"},
    {"ISO-8859-4", single_byte, "ISO-8859-4"},
    {"ISO-8859-5", single_byte, "ISO-8859-5"},
    {"ISO-8859-6", single_byte, "ISO-8859-6"},
    {"ISO-8859-7", single_byte, "ISO-8859-7"},
    {"ISO-8859-8", single_byte, "ISO-8859-8"},
    {"ISO-8859-8-I", single_byte, "ISO-8859-8"},
    {"ISO-8859-10", single_byte, "ISO-8859-10"},
    {"ISO-8859-13", single_byte, "ISO-8859-13"},
    {"ISO-8859-14", single_byte, "ISO-8859-14"},
    {"ISO-8859-15", single_byte, "ISO-8859-15"},
    {"ISO-8859-16", single_byte, "ISO-8859-16"},
    {"KOI8-R", single_byte, "KOI8-R"},
    {"KOI8-U", single_byte, "KOI8-U"},
    {"macintosh", single_byte, "MACINTOSH"},
    {"windows-874", single_byte, "CP874"},
    {"windows-1250", single_byte, "CP1250"},
    {"windows-1251", single_byte, "CP1251"},
    {"windows-1252", single_byte, "CP1252"},
    {"windows-1253", single_byte, "CP1253"},
    {"windows-1254", single_byte, "CP1254"},
    {"windows-1255", single_byte, "CP1255"},
    {"windows-1256", single_byte, "CP1256"},
    {"windows-1257", single_byte, "CP1257"},
    {"windows-1258", single_byte, "CP1258"},
    {"x-mac-cyrillic", single_byte, "MAC-UK"},
    {"x-user-defined", Codec::user_defined, nullptr},
    {"GBK", multi_byte, "GB18030"},
    {"gb18030", multi_byte, "GB18030"},
    {"Big5", multi_byte, "BIG5-HKSCS"},
    {"EUC-JP", multi_byte, "EUC-JP-MS"},
    {"ISO-2022-JP", multi_byte, "ISO-2022-JP"},
    {"Shift_JIS", multi_byte, "WINDOWS-31J"},
    {"EUC-KR", multi_byte, "CP949"},
    {"UTF-16BE", Codec::utf_16, "UTF-16BE"},
    {"UTF-16LE", Codec::utf_16, "UTF-16LE"},
    {"replacement", Codec::replacement, nullptr},
};
static_assert(std::size(encodings) == static_cast<std::size_t>(Encoding::replacement) + 1);
static_assert(std::size(encoding_labels) == 228);

constexpr std::size_t longest_label = [] {
  std::size_t longest = 0;
  for (const EncodingLabel& known : encoding_labels)
    longest = std::max(longest, known.label.size());
  return longest;
}();

}  // namespace

const EncodingInfo& info(Encoding encoding) {
  return encodings[static_cast<std::size_t>(encoding)];
}

std::optional<Encoding> find_encoding(std::string_view label) {
  static constexpr std::string_view space = " \t\n\f\r";
  std::size_t first = label.find_first_not_of(space);
  if (first == std::string_view::npos) return std::nullopt;
  label = label.substr(first, label.find_last_not_of(space) - first + 1);
  std::array<char, longest_label> lower;
  if (label.size() > lower.size()) return std::nullopt;
  std::transform(label.begin(), label.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string_view wanted(lower.data(), label.size());
  const auto* found = std::lower_bound(
      std::begin(encoding_labels), std::end(encoding_labels), wanted,
      [](const EncodingLabel& known, std::string_view name) { return known.label < name; });
  if (found == std::end(encoding_labels) || found->label != wanted) return std::nullopt;
  return found->encoding;
}

}  // namespace crawler

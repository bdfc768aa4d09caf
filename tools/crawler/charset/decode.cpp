#include "tools/crawler/charset/decode.hpp"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "tools/crawler/charset/utf8.hpp"

namespace crawler {

namespace {

constexpr std::size_t piece_size = 65536;
constexpr std::size_t encoding_count = static_cast<std::size_t>(Encoding::replacement) + 1;

// A converter to UTF-8. iconv_open(3) loads a shared object and takes some 10 microseconds, more than a
// small page does, which is why they are kept.
class Converter {
 public:
  explicit Converter(const char* from) : handle_(iconv_open("UTF-8", from)) {
    // iconv_open(3) reports failure as this pointer.
    if (reinterpret_cast<std::intptr_t>(handle_) == -1) {
      throw std::system_error(errno, std::generic_category(), std::string("iconv_open ") + from);
    }
  }
  ~Converter() { iconv_close(handle_); }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  void reset() { iconv(handle_, nullptr, nullptr, nullptr, nullptr); }

  // Converts from `bytes`, which shrink, to `to`, which moves on. 0, or EILSEQ, EINVAL, E2BIG as in
  // iconv(3).
  int convert(std::string_view& bytes, char*& to, char* end) {
    char* from = const_cast<char*>(bytes.data());
    std::size_t size = bytes.size();
    auto room = static_cast<std::size_t>(end - to);
    std::size_t result = iconv(handle_, &from, &size, &to, &room);
    bytes.remove_prefix(bytes.size() - size);
    return result == static_cast<std::size_t>(-1) ? errno : 0;
  }

  // Writes what a stateful encoding still holds back.
  void flush(char*& to, char* end) {
    auto room = static_cast<std::size_t>(end - to);
    iconv(handle_, nullptr, nullptr, &to, &room);
  }

 private:
  iconv_t handle_;
};

Converter& converter(Encoding encoding) {
  thread_local std::array<std::unique_ptr<Converter>, encoding_count> known;
  std::unique_ptr<Converter>& slot = known[static_cast<std::size_t>(encoding)];
  if (slot == nullptr) slot = std::make_unique<Converter>(info(encoding).iconv_name);
  slot->reset();
  return *slot;
}

// The upper half of a single-byte encoding: each byte's character in UTF-8.
struct Character {
  char bytes[3];
  std::uint8_t size;
};
using UpperHalf = std::array<Character, 128>;

// Where the standard's index differs from the C library's table.
std::optional<char32_t> correction(Encoding encoding, unsigned byte) {
  if (encoding == Encoding::koi8_u && byte == 0xAE) return U'\u045E';
  if (encoding == Encoding::koi8_u && byte == 0xBE) return U'\u040E';
  if (encoding == Encoding::macintosh && byte == 0xC6) return U'\u2206';
  if (encoding == Encoding::macintosh && byte == 0xF0) return U'\uF8FF';
  if (encoding == Encoding::windows_1255 && byte == 0xCA) return U'\u05BA';
  if (encoding == Encoding::x_mac_cyrillic && byte == 0xFF) return U'\u20AC';
  if (encoding == Encoding::x_user_defined) return 0xF780 + byte - 0x80;
  return std::nullopt;
}

Character decode_byte(Encoding encoding, unsigned byte) {
  std::string text;
  if (std::optional<char32_t> point = correction(encoding, byte)) {
    append_utf8(text, *point);
  } else {
    char source = static_cast<char>(byte);
    std::string_view input(&source, 1);
    char buffer[16];
    char* to = buffer;
    Converter& known = converter(encoding);
    if (known.convert(input, to, std::end(buffer)) == 0) {
      // CP1255 and CP1258 hold a letter back in case an accent follows; we want it as it is.
      known.flush(to, std::end(buffer));
      text.assign(buffer, to);
    } else {
      // The holes of the windows encodings among the C1 controls are those controls.
      append_utf8(text, byte < 0xA0 ? char32_t{byte} : U'\uFFFD');
    }
  }
  Character character{};
  character.size = static_cast<std::uint8_t>(std::min(text.size(), sizeof character.bytes));
  std::copy_n(text.begin(), character.size, character.bytes);
  return character;
}

const UpperHalf& upper_half(Encoding encoding) {
  thread_local std::array<std::unique_ptr<UpperHalf>, encoding_count> known;
  std::unique_ptr<UpperHalf>& slot = known[static_cast<std::size_t>(encoding)];
  if (slot == nullptr) {
    auto table = std::make_unique<UpperHalf>();
    for (unsigned byte = 0x80; byte <= 0xFF; ++byte) {
      (*table)[byte - 0x80] = decode_byte(encoding, byte);
    }
    slot = std::move(table);
  }
  return *slot;
}

void decode_single_byte(std::string_view bytes, const UpperHalf& upper, const TakeText& take) {
  std::string buffer(piece_size * sizeof(Character), '\0');
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, piece_size);
    bytes.remove_prefix(piece.size());
    char* to = buffer.data();
    for (char c : piece) {
      auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        *to++ = c;
        continue;
      }
      const Character& character = upper[byte - 0x80];
      // Three bytes in any case, of which the next character overwrites what is too many.
      std::memcpy(to, character.bytes, sizeof character.bytes);
      to += character.size;
    }
    if (!take({buffer.data(), static_cast<std::size_t>(to - buffer.data())})) return;
  }
}

// How many bytes a single U+FFFD stands for: with a lead byte goes its trail byte, unless that is ASCII,
// which may be markup and must not be swallowed (WHATWG Encoding, the decoders' "prepend").
std::size_t undecodable_length(std::string_view bytes, Codec codec) {
  if (codec == Codec::utf_16) return std::min<std::size_t>(bytes.size(), 2);
  bool is_pair = bytes.size() > 1 && static_cast<unsigned char>(bytes[0]) > 0x80 &&
                 static_cast<unsigned char>(bytes[1]) >= 0x80;
  return is_pair ? 2 : 1;
}

void decode_by_iconv(std::string_view bytes, Encoding encoding, const TakeText& take) {
  Converter& known = converter(encoding);
  Codec codec = info(encoding).codec;
  bool is_chinese = encoding == Encoding::gbk || encoding == Encoding::gb18030;
  std::string buffer(piece_size, '\0');
  char* end = buffer.data() + buffer.size();
  // Room for a replacement or for what is held back at the end, which is less than this.
  char* limit = end - 16;
  char* to = buffer.data();
  auto hand_over = [&] {
    auto size = static_cast<std::size_t>(to - buffer.data());
    to = buffer.data();
    return size == 0 || take({buffer.data(), size});
  };
  while (!bytes.empty()) {
    int error = known.convert(bytes, to, limit);
    if (error == EILSEQ || error == EINVAL) {
      // glibc has no euro sign at 0x80 in GB18030, the standard has.
      bool is_euro = is_chinese && bytes[0] == '\x80';
      std::string_view text = is_euro ? "\xE2\x82\xAC" : replacement_character;
      to = std::copy(text.begin(), text.end(), to);
      std::size_t length = is_euro ? 1 : undecodable_length(bytes, codec);
      // An incomplete character at the end is one error, however long.
      bytes.remove_prefix(error == EINVAL && !is_euro ? bytes.size() : length);
    }
    if (to > limit - 16 || error == E2BIG) {
      if (!hand_over()) return;
    }
  }
  known.flush(to, end);
  hand_over();
}

void decode_utf8(std::string_view bytes, const TakeText& take) {
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, piece_size);
    std::size_t valid = valid_utf8_prefix(piece);
    if (valid != 0 && !take(piece.substr(0, valid))) return;
    bytes.remove_prefix(valid);
    // Where the piece ends within a character the next piece begins with it. A character that is wrong
    // at its beginning is wrong for good.
    bool is_cut = valid != 0 && piece.size() - valid < 4;
    if (!is_cut) {
      if (!take(replacement_character)) return;
      bytes.remove_prefix(invalid_utf8_length(bytes));
    }
  }
}

}  // namespace

void decode(std::string_view bytes, Encoding encoding, const TakeText& take) {
  switch (info(encoding).codec) {
    case Codec::utf_8:
      return decode_utf8(bytes, take);
    case Codec::single_byte:
    case Codec::user_defined:
      return decode_single_byte(bytes, upper_half(encoding), take);
    case Codec::multi_byte:
    case Codec::utf_16:
      return decode_by_iconv(bytes, encoding, take);
    case Codec::replacement:
      if (!bytes.empty()) take(replacement_character);
      return;
  }
}

}  // namespace crawler

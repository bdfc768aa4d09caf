#include "tools/crawler/charset/multi_byte.hpp"

#include <cmath>
#include <stdexcept>

#include "tools/crawler/charset/utf8.hpp"
#include "tools/crawler/html/scan.hpp"

namespace crawler {

namespace {

// A character at the start of some bytes: how long it is, and how likely. Of length 0 where none begins.
struct Character {
  std::size_t size = 0;
  double likelihood = 0;
};

// `share` of a text's characters is spread over so many.
constexpr Character among(std::size_t size, double share, int members) {
  return {size, share / members};
}

constexpr bool in(unsigned byte, unsigned first, unsigned last) {
  return byte >= first && byte <= last;
}

// Bytes as numbers; 0 beyond the end, which is no part of any character.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  unsigned operator[](std::size_t i) const {
    return i < bytes_.size() ? static_cast<unsigned char>(bytes_[i]) : 0;
  }
  std::string_view view() const { return bytes_; }

 private:
  std::string_view bytes_;
};

// The shares are estimated; the parts of the tables and how many characters they have are those of the
// standards that each encoding writes. Where a part is not told apart, the count is that of its places.

// JIS X 0208: rows 1 and 2 signs, 3 letters of ASCII, 4 Hiragana, 5 Katakana, 16-47 the characters of the
// first level (2,965), 48-84 of the second (3,390).
Character in_jis_row(std::size_t size, unsigned row) {
  if (row == 4) return among(size, 0.45, 83);
  if (row == 5) return among(size, 0.15, 86);
  if (row == 1) return among(size, 0.10, 94);
  if (in(row, 16, 47)) return among(size, 0.27, 2965);
  if (row == 3) return among(size, 0.01, 62);
  if (in(row, 48, 84)) return among(size, 0.005, 3390);
  return among(size, 0.003, 2000);
}

// Half-width Katakana are rare, unless another was just before.
Character half_width(std::size_t size, bool goes_on) {
  return among(size, goes_on ? 0.8 : 0.01, 63);
}

struct ShiftJis {
  static constexpr Encoding encoding = Encoding::shift_jis;
  bool after_half_width = false;

  Character operator()(Bytes bytes) {
    unsigned lead = bytes[0];
    unsigned trail = bytes[1];
    bool goes_on = after_half_width;
    after_half_width = in(lead, 0xA1, 0xDF);
    if (after_half_width) return half_width(1, goes_on);
    if (!in(lead, 0x81, 0x9F) && !in(lead, 0xE0, 0xFC)) return {};
    if (!in(trail, 0x40, 0xFC) || trail == 0x7F) return {};
    unsigned row = (lead - (lead < 0xA0 ? 0x81 : 0xC1)) * 2 + (trail < 0x9F ? 1 : 2);
    return in_jis_row(2, row);
  }
};

struct EucJp {
  static constexpr Encoding encoding = Encoding::euc_jp;
  bool after_half_width = false;

  Character operator()(Bytes bytes) {
    bool goes_on = after_half_width;
    after_half_width = bytes[0] == 0x8E && in(bytes[1], 0xA1, 0xDF);
    if (after_half_width) return half_width(2, goes_on);
    if (bytes[0] == 0x8F) {  // JIS X 0212
      bool is_whole = in(bytes[1], 0xA1, 0xFE) && in(bytes[2], 0xA1, 0xFE);
      return is_whole ? among(3, 0.001, 6067) : Character{};
    }
    if (!in(bytes[0], 0xA1, 0xFE) || !in(bytes[1], 0xA1, 0xFE)) return {};
    return in_jis_row(2, bytes[0] - 0xA0);
  }
};

// GB 2312: row 1 signs, 3 letters of ASCII in full width, 16-55 the characters of the first level (3,755), 56-87 of
// the second (3,008). All else is what GBK and GB 18030 add.
struct Gb18030 {
  static constexpr Encoding encoding = Encoding::gb18030;

  Character operator()(Bytes bytes) const {
    unsigned lead = bytes[0];
    unsigned trail = bytes[1];
    if (!in(lead, 0x81, 0xFE)) return {};
    if (in(trail, 0x30, 0x39)) {
      bool is_whole = in(bytes[2], 0x81, 0xFE) && in(bytes[3], 0x30, 0x39);
      return is_whole ? among(4, 0.001, 39'420) : Character{};
    }
    if (!in(trail, 0x40, 0xFE) || trail == 0x7F) return {};
    if (trail >= 0xA1) {
      if (in(lead, 0xB0, 0xD7)) return among(2, 0.85, 3755);
      if (lead == 0xA1) return among(2, 0.08, 94);
      if (lead == 0xA3) return among(2, 0.05, 94);
      if (in(lead, 0xD8, 0xF7)) return among(2, 0.01, 3008);
      if (in(lead, 0xA4, 0xA9)) return among(2, 0.002, 400);
    }
    return among(2, 0.002, 14'000);
  }
};

// Big5: A1-A3 signs, A4-C6 the frequent characters (5,401), C9-F9 the others (7,652); 87-FE with the
// supplement of Hong Kong.
struct Big5 {
  static constexpr Encoding encoding = Encoding::big5;

  Character operator()(Bytes bytes) const {
    unsigned lead = bytes[0];
    if (!in(lead, 0x81, 0xFE) || !(in(bytes[1], 0x40, 0x7E) || in(bytes[1], 0xA1, 0xFE))) return {};
    if (in(lead, 0xA4, 0xC6)) return among(2, 0.85, 5401);
    if (lead == 0xA1) return among(2, 0.12, 157);
    if (in(lead, 0xA2, 0xA3)) return among(2, 0.01, 251);
    if (in(lead, 0xC9, 0xF9)) return among(2, 0.01, 7652);
    return among(2, 0.002, 5000);
  }
};

// KS X 1001: row 1 signs, 3 letters of ASCII in full width, 16-40 Hangul (2,350), 42-93 Chinese characters
// (4,888). Around it what windows-949 adds: the other Hangul (8,822).
struct EucKr {
  static constexpr Encoding encoding = Encoding::euc_kr;

  Character operator()(Bytes bytes) const {
    unsigned lead = bytes[0];
    unsigned trail = bytes[1];
    if (!in(lead, 0x81, 0xFE)) return {};
    if (trail >= 0xA1 && trail != 0xFF) {
      if (in(lead, 0xB0, 0xC8)) return among(2, 0.93, 2350);
      if (in(lead, 0xA1, 0xA3)) return among(2, 0.04, 282);
      if (in(lead, 0xCA, 0xFD)) return among(2, 0.005, 4888);
      if (lead >= 0xA4) return among(2, 0.002, 900);
    }
    bool is_added = in(trail, 0x41, 0x5A) || in(trail, 0x61, 0x7A) || in(trail, 0x81, 0xFE);
    return is_added && lead <= 0xC6 ? among(2, 0.003, 8822) : Character{};
  }
};

// By the number of code points alone.
struct Utf8 {
  static constexpr Encoding encoding = Encoding::utf_8;

  Character operator()(Bytes bytes) const {
    std::string_view start = bytes.view().substr(0, 4);
    std::size_t size = bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    if (valid_utf8_prefix(start.substr(0, size)) != size) return {};
    if (size == 2) return among(2, 0.49, 1920);
    return size == 3 ? among(3, 0.49, 61'440) : among(4, 0.02, 1'048'576);
  }
};

template <class Reader>
class MultiByteEvidence final : public Evidence {
 public:
  void read(std::string_view sample, std::size_t end) override {
    while (at_ < end) {
      if (static_cast<unsigned char>(sample[at_]) < 0x80) {
        reader_ = {};
        ++at_;
        continue;
      }
      // Where no character begins, noise goes on, at a price: a text has that where it is cut.
      static constexpr double broken = 7;
      Character character = reader_(Bytes(sample.substr(at_)));
      if (character.size == 0) {
        total_ -= broken;
        ++at_;
        continue;
      }
      total_ += std::log(character.likelihood);
      // East Asian text may stand beside Latin without a space, but mostly stands beside its own.
      static constexpr double beside_latin = Reader::encoding == Encoding::utf_8 ? 0 : 1;
      if (at_ != end_ && html::is_letter(sample[at_ - 1])) total_ -= beside_latin;
      for (; character.size != 0; --character.size, ++at_) {
        total_ += static_cast<unsigned char>(sample[at_]) < 0x80 ? noise_ascii : noise_high;
      }
      end_ = at_;
      if (at_ < sample.size() && html::is_letter(sample[at_])) total_ -= beside_latin;
    }
  }
  double total() const override { return total_; }

 private:
  Reader reader_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;  // of the last character beyond ASCII
  double total_ = 0;
};

}  // namespace

std::unique_ptr<Evidence> multi_byte_evidence(Encoding encoding) {
  switch (encoding) {
    case Encoding::utf_8:
      return std::make_unique<MultiByteEvidence<Utf8>>();
    case Encoding::shift_jis:
      return std::make_unique<MultiByteEvidence<ShiftJis>>();
    case Encoding::euc_jp:
      return std::make_unique<MultiByteEvidence<EucJp>>();
    case Encoding::gb18030:
      return std::make_unique<MultiByteEvidence<Gb18030>>();
    case Encoding::big5:
      return std::make_unique<MultiByteEvidence<Big5>>();
    case Encoding::euc_kr:
      return std::make_unique<MultiByteEvidence<EucKr>>();
    default:
      throw std::invalid_argument("no encoding of several bytes");
  }
}

}  // namespace crawler

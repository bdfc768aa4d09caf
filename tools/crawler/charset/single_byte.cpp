#include "tools/crawler/charset/single_byte.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/crawler/charset/characters.hpp"
#include "tools/crawler/charset/decode.hpp"

namespace crawler {

namespace {

// The signs of prose, each followed by how many it is of a thousand: quotes and dashes are common, what a
// keyboard has and nobody types is rare. Estimated; only the orders of magnitude matter.
constexpr std::u32string_view sign_table =
    U"\u00A0180 “90 ”90 «90 »90 –90 ’130 —90 …45 ‘45 „45 •27 ©45 °22 №18 €18 ·18 ¿18 §14 ¡14 ®14 "
    U"،90 ؟22 ؛5 ־20 ׳10 ״10 £9 ™9 ‚9 \u00AD9 \u200C9 \u200D5 \u200E5 \u200F9 ×5 ±5 ½5 ²5 º5 ‹5 ›5 "
    U"³4 µ3 ´1 ¶3 ª3 ¼3 ¾3 ÷2 ¥2 ¹2 †2 ─5 │5 ■3 ฿5";

constexpr double share_of_strangers = 0.02;  // of letters that the language does not have,
constexpr double strangers = 64;             // of which an encoding has about so many
constexpr double rarest_sign = 1e-5;
constexpr double undefined = 1e-6;

char32_t code_point(std::string_view utf8) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(utf8[i]); };
  if (utf8.size() == 1) return byte(0);
  char32_t point = byte(0) & (0x7FU >> utf8.size());
  for (std::size_t i = 1; i < utf8.size(); ++i) point = point << 6 | (byte(i) & 0x3FU);
  return point;
}

// The characters of the bytes from 0x80 on, 0 where the encoding has none.
std::array<char32_t, 128> upper_half(Encoding encoding) {
  std::array<char32_t, 128> characters{};
  for (unsigned i = 0; i < characters.size(); ++i) {
    char byte = static_cast<char>(0x80 + i);
    decode({&byte, 1}, encoding, [&](std::string_view text) {
      char32_t point = code_point(text);
      bool is_character = point >= 0xA0 && point != U'\uFFFD';
      characters[i] = is_character ? point : 0;
      return true;
    });
  }
  return characters;
}

}  // namespace

SingleByteModel::SingleByteModel(Encoding encoding, Region region) {
  const Frequencies signs = parse_frequencies(sign_table);
  const std::array<char32_t, 128> characters = upper_half(encoding);
  for (unsigned i = 0; i < 128; ++i) {
    kinds_[i] = kind_of(i);
    kinds_[128 + i] = characters[i] == 0 ? outside : kind_of(characters[i]);
  }
  for (const Language& language : languages()) {
    if ((language.regions & region) == 0) continue;
    const Frequencies letters = parse_frequencies(language.letters);
    double share_of_signs = language.signs / 1000.0;
    double written = 0;
    std::array<float, 128> weights{};
    for (unsigned i = 0; i < 128; ++i) {
      char32_t point = characters[i];
      double likelihood = undefined;
      if (point != 0 && is_letter(point)) {
        double own = frequency(letters, lower_case(point));
        if (lower_case(point) == point) written += own;
        likelihood = (1 - share_of_signs) *
                     ((1 - share_of_strangers) * own + share_of_strangers / strangers);
      } else if (point != 0) {
        likelihood = std::max(rarest_sign, share_of_signs * frequency(signs, point));
      }
      weights[i] = static_cast<float>(std::log(likelihood) + noise_high);
    }
    bool can_write = written > 0.985;  // all letters but for the odd one
    if (can_write) languages_.push_back(weights);
  }
}

double SingleByteModel::weigh(const std::array<std::uint32_t, 256>& counts) const {
  double best = std::numeric_limits<double>::lowest();
  for (const std::array<float, 128>& weights : languages_) {
    double sum = 0;
    for (unsigned i = 0; i < 128; ++i) sum += static_cast<double>(weights[i]) * counts[128 + i];
    best = std::max(best, sum);
  }
  return best;
}

void SingleByteEvidence::read(std::string_view sample, std::size_t end) {
  const std::array<Kind, 256>& kinds = model_.kinds();
  for (; at_ < end; ++at_) {
    auto byte = static_cast<unsigned char>(sample[at_]);
    ++counts_[byte];
    Kind last = kinds[byte];
    misplaced_ += static_cast<double>(misplacement[first_][middle_][last]);
    first_ = middle_;
    middle_ = last;
  }
}

double SingleByteEvidence::total() const {
  return model_.weigh(counts_) - misplaced_;
}

}  // namespace crawler

#include "tools/crawler/charset/detect.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tools/crawler/charset/evidence.hpp"
#include "tools/crawler/charset/multi_byte.hpp"
#include "tools/crawler/charset/single_byte.hpp"

namespace crawler {

namespace {

struct Contender {
  Encoding encoding;
  double head_start;  // in nats
  Region region;      // of a single-byte encoding
};

// Those that unlabelled pages are written in. How many pages of the web an encoding has orders them; those that
// have less than one in ten thousand start behind by more, or one short word would name them.
constexpr Contender contenders[] = {
    {Encoding::windows_1252, 0, western},
    {Encoding::iso_8859_15, -1, western},
    {Encoding::windows_1251, -1, cyrillic},
    {Encoding::koi8_r, -1.5, cyrillic},
    {Encoding::koi8_u, -2, cyrillic},
    {Encoding::iso_8859_5, -3, cyrillic},
    {Encoding::ibm866, -3, cyrillic},
    {Encoding::x_mac_cyrillic, -4.5, cyrillic},
    {Encoding::windows_1250, -1.5, central},
    {Encoding::iso_8859_2, -1.5, central},
    {Encoding::iso_8859_16, -8, central},
    {Encoding::windows_1254, -1.5, turkish},
    {Encoding::windows_1253, -1.5, greek},
    {Encoding::iso_8859_7, -1.6, greek},
    {Encoding::windows_1255, -1.5, hebrew},
    {Encoding::iso_8859_8, -2, hebrew},
    {Encoding::windows_1256, -1.5, arabic},
    {Encoding::iso_8859_6, -2, arabic},
    {Encoding::windows_1257, -2, baltic},
    {Encoding::iso_8859_13, -3.5, baltic},
    {Encoding::iso_8859_4, -5, baltic},
    {Encoding::windows_874, -1.5, thai},
    {Encoding::windows_1258, -4, vietnamese},
    {Encoding::iso_8859_3, -5, southern},
    {Encoding::utf_8, 0, {}},
    {Encoding::shift_jis, -1, {}},
    {Encoding::euc_jp, -1.5, {}},
    {Encoding::gb18030, -1, {}},
    {Encoding::big5, -1.5, {}},
    {Encoding::euc_kr, -1, {}},
};

constexpr std::size_t max_sample = std::size_t{1} << 20;

// All made at the first call, which takes some milliseconds, most of them in iconv_open(3).
const SingleByteModel& single_byte_model(Encoding encoding) {
  static const auto models = [] {
    std::vector<std::unique_ptr<const SingleByteModel>> made(
        static_cast<std::size_t>(Encoding::replacement) + 1);
    for (const Contender& contender : contenders) {
      if (info(contender.encoding).codec != Codec::single_byte) continue;
      made[static_cast<std::size_t>(contender.encoding)] =
          std::make_unique<const SingleByteModel>(contender.encoding, contender.region);
    }
    return made;
  }();
  return *models[static_cast<std::size_t>(encoding)];
}

std::size_t find_high(std::string_view bytes, std::size_t from) {
  std::uint64_t eight = 0;
  for (; bytes.size() - from >= sizeof eight; from += sizeof eight) {
    std::memcpy(&eight, bytes.data() + from, sizeof eight);
    if ((eight & 0x8080'8080'8080'8080) != 0) break;
  }
  while (from < bytes.size() && static_cast<unsigned char>(bytes[from]) < 0x80) ++from;
  return from;
}

// The bytes that tell something: those beyond ASCII, with the two before, which end a word or begin one,
// and the two after, of which the first may belong to the character.
std::string take_sample(std::string_view bytes) {
  static constexpr std::size_t context = 2;
  auto is_high = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]) >= 0x80; };
  std::string sample;
  std::size_t end = 0;  // of what was taken
  for (std::size_t at = find_high(bytes, 0); at < bytes.size() && sample.size() < max_sample;
       at = find_high(bytes, at)) {
    std::size_t start = std::max(end, at > context ? at - context : 0);
    std::size_t limit = std::min(bytes.size(), at + max_sample);
    while (at < limit && is_high(at)) ++at;
    end = std::min(at + context, bytes.size());
    sample += bytes.substr(start, end - start);
  }
  return sample;
}

struct Candidate {
  const Contender* contender;
  std::unique_ptr<Evidence> evidence;
  double total = 0;
};

}  // namespace

std::optional<Encoding> detect_encoding(std::string_view bytes) {
  static constexpr double hopeless = 300;
  static constexpr double noise = -10;  // a rare sign or two is no noise yet
  std::string sample = take_sample(bytes);
  if (sample.empty()) return std::nullopt;
  std::vector<Candidate> candidates;
  for (const Contender& contender : contenders) {
    bool is_single = info(contender.encoding).codec == Codec::single_byte;
    candidates.push_back({&contender, is_single ? std::make_unique<SingleByteEvidence>(
                                                      single_byte_model(contender.encoding))
                                                : multi_byte_evidence(contender.encoding)});
  }
  // Round by round, each twice as long, with those that have not fallen too far behind to catch up again.
  for (std::size_t end = 256; candidates.size() != 1; end *= 2) {
    end = std::min(end, sample.size());
    double best = 0;
    for (Candidate& candidate : candidates) {
      candidate.evidence->read(sample, end);
      candidate.total = candidate.evidence->total() + candidate.contender->head_start;
      best = std::max(best, candidate.total);
    }
    std::erase_if(candidates, [&](const Candidate& c) { return c.total < best - hopeless; });
    if (candidates.empty()) return std::nullopt;
    if (end == sample.size()) break;
  }
  auto best = std::max_element(candidates.begin(), candidates.end(),
                               [](const auto& a, const auto& b) { return a.total < b.total; });
  if (best->total < noise) return std::nullopt;
  return best->contender->encoding;
}

}  // namespace crawler

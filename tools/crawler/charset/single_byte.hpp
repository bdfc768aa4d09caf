// What bytes tell as text in a single-byte encoding.
//
// Two things. First, each byte beyond ASCII by how often texts have its character: a letter by the language
// (languages.hpp), any other sign by a table. The bytes are counted, and the count is weighed with each
// language that the encoding can write, so that twenty languages cost hardly more time than one. Second,
// each character by its neighbours (neighbours.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tools/crawler/charset/encoding.hpp"
#include "tools/crawler/charset/evidence.hpp"
#include "tools/crawler/charset/languages.hpp"
#include "tools/crawler/charset/neighbours.hpp"

namespace crawler {

// What is known of an encoding beforehand. Not changed once made, so that any thread may use it.
class SingleByteModel {
 public:
  // With the languages of a region, as far as the encoding has their letters. Throws as decode() does.
  SingleByteModel(Encoding encoding, Region region);

  const std::array<Kind, 256>& kinds() const { return kinds_; }

  // What bytes tell that were counted: those from 0x80 on, as the language they suit best.
  double weigh(const std::array<std::uint32_t, 256>& counts) const;

 private:
  std::array<Kind, 256> kinds_{};
  std::vector<std::array<float, 128>> languages_;  // in nats for each byte from 0x80 on
};

class SingleByteEvidence final : public Evidence {
 public:
  // `model` outlives this.
  explicit SingleByteEvidence(const SingleByteModel& model) : model_(model) {}

  void read(std::string_view sample, std::size_t end) override;
  double total() const override;

 private:
  const SingleByteModel& model_;
  std::array<std::uint32_t, 256> counts_{};
  double misplaced_ = 0;
  std::size_t at_ = 0;
  Kind first_ = outside;  // of the two characters before
  Kind middle_ = outside;
};

}  // namespace crawler

// How much likelier bytes are as text than as noise, for one candidate (see detect.hpp).
#pragma once

#include <cstddef>
#include <string_view>

namespace crawler {

// How unlikely a byte is in noise: one beyond ASCII is any of 128. ASCII is the same in text and in noise,
// where it mostly is letters of words, some thirty; it counts where a character of several bytes takes
// it in.
inline constexpr double noise_high = 4.852;   // ln 128
inline constexpr double noise_ascii = 3.401;  // ln 30

class Evidence {
 public:
  Evidence() = default;
  Evidence(const Evidence&) = delete;
  Evidence& operator=(const Evidence&) = delete;
  virtual ~Evidence() = default;

  // Reads on, up to `end` of `sample`, which is the same in all calls; may look beyond.
  virtual void read(std::string_view sample, std::size_t end) = 0;

  // Of all that was read, in nats.
  virtual double total() const = 0;
};

}  // namespace crawler

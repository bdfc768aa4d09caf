// The shape of the table of named character references that make_entities generates.
#pragma once

#include <cstdint>

namespace crawler::html {

// One letter of a name. Siblings lie side by side; the last of them says so.
struct EntityNode {
  char letter;
  bool is_last;
  std::uint16_t children;  // index of the first child, 0 when there is none
  std::uint16_t text;      // 1 + index into entity_texts when a name ends here, else 0
};

// What a name stands for: one or two characters, in UTF-8.
struct EntityText {
  char bytes[8];
  std::uint8_t size;
};

// The longest name, CounterClockwiseContourIntegral; has 32 letters.
inline constexpr int longest_entity_name = 32;

}  // namespace crawler::html

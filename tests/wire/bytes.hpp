// Byte strings that tests of wire formats put together.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "ipc/wire/frame.hpp"

namespace test {

using Buffer = std::vector<std::byte>;

inline void append(Buffer& bytes, const Buffer& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline Buffer frame_of(const ipc::wire::Frame& frame) {
  const auto header = encode(frame);
  Buffer bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), frame.payload.begin(), frame.payload.end());
  return bytes;
}

}  // namespace test

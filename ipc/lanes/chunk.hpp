// Messages longer than in_place_max() travel as several records. Each such record begins with
// twelve bytes that say which part of which message it is, as a frame's header does; together with
// the sender, which every record names, that makes it a frame, and the inbox puts frames together.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "ipc/wire/frame.hpp"
#include "ipc/wire/numbered.hpp"
#include "ipc/wire/ring.hpp"

namespace ipc::lanes {

inline constexpr std::uint8_t kChunk = 1;  ///< Flag of a record that is a part of a message.
inline constexpr std::size_t kChunkHeader = 12;

inline void write_chunk_header(std::byte* at, std::uint32_t message, std::uint32_t total,
                               std::uint32_t offset) {
  const std::array words{message, total, offset};
  std::memcpy(at, words.data(), kChunkHeader);
}

inline std::optional<wire::Frame> frame_of_chunk(const wire::Record& record) {
  if (record.bytes.size() < kChunkHeader) return std::nullopt;
  std::array<std::uint32_t, 3> words{};
  std::memcpy(words.data(), record.bytes.data(), kChunkHeader);
  const auto [message, total, offset] = words;
  const auto payload = record.bytes.subspan(kChunkHeader);
  if (offset + std::uint64_t{payload.size()} > total) return std::nullopt;
  return wire::Frame{record.sender, message, total, offset, 0, payload};
}

inline std::optional<wire::Frame> frame_of_whole(const wire::Record& record) {
  if (record.flags != 0) return std::nullopt;
  return wire::Frame{record.sender, 0, static_cast<std::uint32_t>(record.bytes.size()), 0, 0,
                     record.bytes};
}

/// Of a record in a file (wire/numbered.hpp).
inline std::optional<wire::Frame> frame_of_numbered(const wire::Record& record) {
  const auto message = wire::numbered(record);
  if (record.flags != wire::kNumbered || !message) return std::nullopt;
  return wire::Frame{
      record.sender, message->message, static_cast<std::uint32_t>(message->bytes.size()), 0, 0,
      message->bytes};
}

}  // namespace ipc::lanes

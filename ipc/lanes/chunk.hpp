// Messages longer than in_place_max() travel as several records. In each such record twelve bytes
// say which part of which message it is, as a frame's header does; together with
// the sender, which every record names, that makes it a frame, and the inbox puts frames together.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "ipc/wire/frame.hpp"
#include "ipc/wire/numbered.hpp"
#include "ipc/wire/ring.hpp"

namespace ipc::lanes {

inline void write_chunk_preface(std::byte* at, std::uint32_t message, std::uint32_t total,
                                std::uint32_t offset) {
  const std::array words{message, total, offset};
  static_assert(sizeof words == wire::preface_size(wire::RecordType::chunk));
  std::memcpy(at, words.data(), sizeof words);
}

inline std::optional<wire::Frame> frame_of_chunk(const wire::Record& record) {
  std::array<std::uint32_t, 3> words{};
  std::memcpy(words.data(), record.preface, sizeof words);
  const auto [message, total, offset] = words;
  if (offset + std::uint64_t{record.bytes.size()} > total) return std::nullopt;
  return wire::Frame{record.sender, message, total, offset, 0, record.bytes};
}

inline wire::Frame frame_of_whole(const wire::Record& record, std::uint32_t message = 0) {
  return {record.sender, message, static_cast<std::uint32_t>(record.bytes.size()), 0, 0,
          record.bytes};
}

/// Nothing if a record of this type does not belong here: `durable` says where.
inline std::optional<wire::Frame> frame_of(const wire::Record& record, bool durable) {
  using wire::RecordType;
  if (durable && record.type == RecordType::numbered)
    return frame_of_whole(record, wire::numbered(record).message);
  if (!durable && record.type == RecordType::message) return frame_of_whole(record);
  if (!durable && record.type == RecordType::chunk) return frame_of_chunk(record);
  return std::nullopt;
}

}  // namespace ipc::lanes

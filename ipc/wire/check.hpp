// A check of bytes: against chance, not against forgers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ipc::wire {

/// Depends on every bit of `bytes` and on how many they are; a change within 8 bytes that lie
/// together always changes it. About 0.05 ns a byte.
std::uint64_t check_of(std::span<const std::byte> bytes);

}  // namespace ipc::wire

// What the queues are called, and how many there may be.
#pragma once

#include <cstdint>
#include <string>

namespace ipc::boosted {

/// "ipc.TOKEN.SLOT.GENERATION": of one owner of a place, which is a slot of the lease.
inline std::string queue_name(const std::string& object, std::uint32_t slot,
                              std::uint32_t generation) {
  return object + "." + std::to_string(slot) + "." + std::to_string(generation);
}

/// Where shm_open(3) has the queue of that name.
inline std::string queue_path(const std::string& name) {
  return "/dev/shm/" + name;
}

/// So many owners of a place may have ended with their queues still there; the next one's messages
/// wait until the receiver has emptied one of them.
inline constexpr std::uint32_t kMostFormer = 16;

}  // namespace ipc::boosted

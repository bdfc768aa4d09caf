// POSIX message queues that fit into the limits of the system, and what to say when none does.
#pragma once

#include <optional>
#include <string>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/mqueue.hpp"

namespace ipc::sys {

struct Queue {
  Fd fd;
  QueueGeometry geometry;
};

/// Makes a queue for receiving, of exactly `mode`, that holds `capacity` bytes. Without a capacity
/// it is 10 messages of 8192 bytes or, where the quota has no room for them, of half of that, and so
/// on down to 256. False if the name is taken; throws Trouble::limit, naming the limit, its value
/// and the remedy, if nothing fits.
bool make_queue(const std::string& name, mode_t mode, std::optional<std::size_t> capacity,
                Queue& queue);

/// The largest of these geometries of which `queues` can exist beside those that are there. Finds
/// out by making and removing them, since the kernel tells nobody what is used up. Throws
/// Trouble::limit, with what is needed and what there is.
QueueGeometry fit_queues(std::size_t queues, std::optional<std::size_t> capacity);

}  // namespace ipc::sys

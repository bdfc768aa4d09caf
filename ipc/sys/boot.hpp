#pragma once

#include <string>

namespace ipc::sys {

/// What is different after each boot of the machine: /proc/sys/kernel/random/boot_id, random(4), 36
/// characters. Empty if it cannot be read.
std::string boot_id();

}  // namespace ipc::sys

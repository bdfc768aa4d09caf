#include "ipc/sys/boot.hpp"

#include <fstream>

namespace ipc::sys {

std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace ipc::sys

#include "tools/crawler/places.hpp"

#include "ipc/sys/name.hpp"

namespace crawler {

std::string default_socket() {
  return ipc::sys::resolve("crawlerd.socket").full();
}

std::string default_runs() {
  return ipc::sys::resolve("crawlerd.runs").full();
}

void prepare_place(const std::string& path) {
  ipc::sys::prepare_directory(ipc::sys::resolve(path));
}

}  // namespace crawler

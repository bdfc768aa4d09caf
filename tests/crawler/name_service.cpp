#include "tests/crawler/name_service.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <condition_variable>
#include <mutex>
#include <string_view>

namespace {

std::mutex mutex;
std::condition_variable changed;
bool is_silent = false;
int lookups = 0;

}  // namespace

namespace support {

SilentNameService::SilentNameService() {
  const std::lock_guard lock(mutex);
  is_silent = true;
}

SilentNameService::~SilentNameService() {
  std::unique_lock lock(mutex);
  is_silent = false;
  changed.notify_all();
  changed.wait(lock, [] { return lookups == 0; });
}

int SilentNameService::waiting() const {
  const std::lock_guard lock(mutex);
  return lookups;
}

}  // namespace support

// The program's own definition comes before the C library's for libcurl as well.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  const std::string_view name = node == nullptr ? "" : node;
  if (name == "never.test") {
    std::unique_lock lock(mutex);
    ++lookups;
    changed.wait(lock, [] { return !is_silent; });
    --lookups;
    changed.notify_all();
    return EAI_AGAIN;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(name == "inside.test" ? "127.0.0.1" : node, service, hints, result);
}

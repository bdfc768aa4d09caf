#include "ipc/sys/call.hpp"

namespace ipc::sys {

constinit std::atomic<Observer*> observer = nullptr;

Observer* observe(Observer* next) {
  return observer.exchange(next);
}

Result show(Observer& watcher, const char* name, const char* why, const std::function<long()>& act,
            const std::function<std::string()>& arguments) {
  const Call call{name, why, arguments};
  Result result{name, -1, 0};
  if (!watcher.before(call, result)) {
    result.value = act();
    result.error = result.value == -1 ? errno : 0;
  }
  watcher.after(call, result);
  return result;
}

}  // namespace ipc::sys

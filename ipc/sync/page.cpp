#include "ipc/sync/page.hpp"

#include <chrono>

#include "ipc/sync/edition.hpp"

namespace ipc::sync {
namespace {

// Nobody else is there: the values are what they are.
template <class Word>
auto value(const Word& word) {
  return word.load(std::memory_order_relaxed);
}

bool has_run_out(const TimerState& timer) {
  const auto& setting = timer.settings[value(timer.version) % 2];
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return value(setting.period) == 0 &&
         value(setting.due) <= std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::mutex:
      return "a mutex";
    case Kind::semaphore:
      return "a semaphore";
    case Kind::event:
      return "an event";
    case Kind::barrier:
      return "a barrier";
    case Kind::condition:
      return "a condition";
    case Kind::timer:
      return "a timer";
    case Kind::list:
      return "a list";
  }
  return "";
}

std::string_view programs_of(Kind kind) {
  switch (kind) {
    case Kind::mutex:
      return "lock-run";
    case Kind::semaphore:
      return "sem-run, sem-wait or sem-post";
    case Kind::event:
      return "event-wait, event-set or event-clear";
    case Kind::barrier:
      return "barrier-wait";
    case Kind::condition:
      return "cond-wait or cond-notify";
    case Kind::timer:
      return "timer-wait or timer-set";
    case Kind::list:
      return "list-push, list-pop, list-show or list-remove";
  }
  return "";
}

bool is_as_new(const Page& page) {
  switch (page.kind) {
    case Kind::mutex:
      return value(page.lock) == 0;  // else the next is to be told that its holder died
    case Kind::semaphore:
      return value(state_of<SemaphoreState>(page).permits) == page.numbers[0];
    case Kind::event:
      return (value(state_of<EventState>(page).word) & 1) == 0;
    case Kind::barrier:
    case Kind::condition:
      return true;  // they are about who is there, and nobody is
    case Kind::timer:
      return has_run_out(state_of<TimerState>(page));
    case Kind::list: {
      const auto& list = state_of<ListState>(page);
      return value(list.editions[value(list.version) % 2].size) == 0;
    }
  }
  return false;
}

std::vector<std::string> leftovers_of(const Page& page) {
  if (page.kind != Kind::list) return {};
  const auto& list = state_of<ListState>(page);
  if (value(list.token) == 0) return {};
  std::vector<std::string> paths;
  // The edition before, whose remover was killed, and the one after, whose maker was.
  for (const std::uint32_t number : {value(list.version) - 1, value(list.version) + 1})
    paths.push_back(edition_path(edition_name(value(list.token), number)));
  return paths;
}

}  // namespace ipc::sync

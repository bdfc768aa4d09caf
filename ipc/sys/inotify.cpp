#include "ipc/sys/inotify.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include "ipc/sys/call.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/show.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::sys {
namespace {

constexpr auto kTick = std::chrono::milliseconds(20);

std::string names_of(std::uint32_t events) {
  const struct {
    std::uint32_t event;
    const char* name;
  } names[] = {{IN_MODIFY, "IN_MODIFY"},
               {IN_ATTRIB, "IN_ATTRIB"},
               {IN_MOVED_TO, "IN_MOVED_TO"},
               {IN_CREATE, "IN_CREATE"},
               {IN_CLOSE_WRITE, "IN_CLOSE_WRITE"}};
  std::string line;
  for (const auto& [event, name] : names)
    if (events & event) line += (line.empty() ? "" : "|") + std::string(name);
  return line;
}

// Empty when a limit of inotify is reached.
Fd begin_watch(const std::string& path, std::uint32_t events, const char* why) {
  const Result made = perform(
      "inotify_init1", "to be told, instead of looking again and again",
      [] { return ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC); },
      [] { return std::string("IN_NONBLOCK|IN_CLOEXEC"); });
  if (made.error == EMFILE) return Fd();
  Fd inotify(made.check("inotify").fd());
  const Result added = perform(
      "inotify_add_watch", why,
      [&] { return ::inotify_add_watch(inotify.get(), path.c_str(), events); },
      [&] { return shown::list(inotify.get(), shown::text(path), names_of(events)); });
  if (added.error == ENOSPC || added.error == ENOMEM) return Fd();
  added.check(path);
  return inotify;
}

}  // namespace

Watch::Watch(const std::string& path, std::uint32_t events, const char* why)
    : fd_(begin_watch(path, events, why)) {
  if (fd_.is_open()) return;
  // EMFILE also stands for the process's own descriptors; then the timer fails with it as well.
  remark("fs.inotify.max_user_instances or max_user_watches is used up: looking every 20 ms");
  fd_ = make_timer("instead of inotify");
  set_timer(fd_.get(), kTick, "time to look");
  ticks_ = true;
}

std::uint32_t Watch::take(const std::function<void(std::uint32_t, std::string_view)>& each) {
  std::uint32_t all = 0;
  alignas(inotify_event) std::array<std::byte, 16384> room;
  for (;;) {
    const Result got = read(fd_.get(), room, ticks_ ? "is it time to look?" : "what has happened?");
    if (got.error == EAGAIN) return all;
    got.check("inotify");
    if (ticks_) return ~0U;
    for (std::size_t at = 0; at < got.count();) {
      inotify_event event{};
      std::memcpy(&event, room.data() + at, sizeof event);
      const auto* name = reinterpret_cast<const char*>(room.data()) + at + sizeof event;
      all |= event.mask;
      if (each) each(event.mask, {name, event.len == 0 ? 0 : ::strnlen(name, event.len)});
      at += sizeof event + event.len;
    }
    // Less than the room was given: there is no more, and the read that would say so is saved.
    if (got.count() + sizeof(inotify_event) + NAME_MAX + 1 <= room.size()) return all;
  }
}

}  // namespace ipc::sys

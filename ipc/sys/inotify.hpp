// inotify(7): being told that something happens to a file or in a directory.
#pragma once

#include <sys/inotify.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ipc/sys/fd.hpp"

namespace ipc::sys {

/// One watched file or directory. A user has 128 inotify instances in all unless an administrator
/// raised fs.inotify.max_user_instances; when they are used up, or his watches are, a timer takes
/// the place and "something may have happened" is told fifty times a second.
class Watch {
 public:
  /// `events`: the IN_ constants that are of interest. Throws for what is no such limit.
  Watch(const std::string& path, std::uint32_t events, const char* why);

  /// Readable when something has happened that was not taken yet.
  int fd() const { return fd_.get(); }
  /// Whether the timer has taken the place.
  bool is_ticking() const { return ticks_; }
  /// Takes all that has happened; returns the constants of all of it in one word, 0 for nothing.
  /// IN_Q_OVERFLOW: some was lost, look for yourself; a tick says that too. `each` is called with
  /// the constants and the name in the directory, if it is one, in the order in which it happened.
  std::uint32_t take(
      const std::function<void(std::uint32_t events, std::string_view name)>& each = {});

 private:
  Fd fd_;
  bool ticks_ = false;
};

}  // namespace ipc::sys

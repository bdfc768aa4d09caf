#include "tools/cli/connecting.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "ipc/kinds.hpp"
#include "ipc/sys/name.hpp"
#include "tools/cli/exit.hpp"

namespace tools {
namespace {

using namespace std::chrono_literals;

// Tells of changes in one directory, inotify(7).
class DirectoryWatch {
 public:
  explicit DirectoryWatch(const std::string& directory)
      : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    // Without inotify (its instances are limited per user) or without the directory the retries in
    // wait() have to do. Not IN_OPEN: our own attempts would wake us.
    if (fd_ >= 0) ::inotify_add_watch(fd_, directory.c_str(), IN_CREATE | IN_MOVED_TO | IN_ATTRIB);
  }
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;
  ~DirectoryWatch() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Returns after a change, but not later than a quarter of a second: a receiver may also become
  // ready without a trace in the directory, when it takes a lock on a file that was there before.
  void wait(ipc::Deadline deadline) {
    const auto longest = std::min<std::chrono::nanoseconds>(deadline.left(), 250ms);
    pollfd event{fd_, POLLIN, 0};
    // Rounded up, lest the last millisecond becomes a busy loop.
    ::poll(&event, fd_ >= 0 ? 1 : 0,
           static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(longest).count()));
    std::array<char, 4096> events{};
    while (fd_ >= 0 && ::read(fd_, events.data(), events.size()) > 0) {
    }
  }

 private:
  int fd_;
};

std::string watched_directory(const SendOptions& options) {
  if (!options.kind->traits.named) return "/proc";
  const ipc::sys::Path path = ipc::sys::resolve(options.address);
  // Made now if it is the user's own, so that there is something to watch.
  ipc::sys::prepare_directory(path);
  return path.directory;
}

bool is_number(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string advice(const SendOptions& options) {
  std::string text;
  if (options.kind->traits.named) {
    text = " (start: " + options.other_half + " " + (options.transport.bare ? "--bare " : "") +
           options.address + ", or give --wait)";
    const std::string elsewhere = ipc::sys::found_elsewhere(options.address);
    if (!elsewhere.empty()) text += "; that name exists as " + elsewhere;
  }
  return text;
}

}  // namespace

std::unique_ptr<ipc::Sender> connect(const SendOptions& options) {
  ipc::Options how = options.transport;
  // Who waits for a receiver wants one, also where messages would wait for it instead.
  how.require_receiver |= options.wait && options.kind->traits.durable && !how.bare;
  const auto attempt = [&] { return options.kind->connect(options.address, how); };
  if (!options.wait) {
    try {
      return attempt();
    } catch (const ipc::Error& error) {
      if (error.trouble() != ipc::Trouble::no_receiver) throw;
      throw Ending(Exit::peer_gone, error.what() + advice(options));
    }
  }
  const ipc::Deadline deadline =
      options.wait_limit ? ipc::Deadline::after(*options.wait_limit) : ipc::Deadline::never();
  bool told = options.quiet || !is_number(options.address);
  // Watched before the first attempt: a receiver that appears between the two would else be missed.
  DirectoryWatch watch(watched_directory(options));
  for (;;) {
    try {
      return attempt();
    } catch (const ipc::Error& error) {
      if (error.trouble() != ipc::Trouble::no_receiver) throw;
      if (deadline.expired())
        throw Ending(Exit::timed_out, error.what() + std::string(", and none came"));
      // Seconds are meant by whoever writes "--wait 5 demo", and the wait would be for ever.
      if (!std::exchange(told, true))
        complain(options.program, "waiting for a receiver of \"" + options.address +
                                      "\" (a limit is given as --wait=" + options.address + ")");
    }
    watch.wait(deadline);
  }
}

}  // namespace tools

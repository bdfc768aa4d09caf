// stdin as a sequence of tasks, read no further than they are wanted.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace pool_tool {

/// Used by the executor's thread. The descriptor stays the caller's, and as blocking as it was: it is
/// read only when it is readable.
class TaskSource {
 public:
  /// `separator` ends each task and is no part of it; a last piece without it is a task if it has any
  /// bytes. `on_change` is called when there is more than next() had, or the end.
  TaskSource(const boost::asio::any_io_executor& executor, int fd, char separator,
             std::function<void()> on_change);

  /// The next whole task, if it has been read.
  std::optional<std::string> next();
  /// There are no more, and next() has given all.
  bool is_at_end() const { return ended_ && begin_ == buffer_.size(); }
  /// After next() had nothing: reads on, once, and calls on_change.
  void want_more();
  /// Calls on_change no more.
  void stop();

 private:
  void read();

  boost::asio::any_io_executor executor_;
  int fd_;
  char separator_;
  std::function<void()> on_change_;
  std::optional<boost::asio::posix::stream_descriptor> readiness_;  ///< Not of a file.
  std::string buffer_;  ///< What has been read; the part before begin_ has been handed out.
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;  ///< From begin_ on; no separator is there.
  bool ended_ = false;
  bool reading_ = false;
  bool stopped_ = false;
};

/// A descriptor of our own for what is to be waited for; nothing if it is a file or a device like
/// /dev/null, which is always ready and cannot be waited for (EPERM, epoll_ctl(2)). Throws ipc::Error.
std::optional<boost::asio::posix::stream_descriptor> readiness_of(
    const boost::asio::any_io_executor& executor, int fd);

}  // namespace pool_tool

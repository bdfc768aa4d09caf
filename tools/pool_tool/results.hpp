// What the tasks have come to, on stdout: as they are done, or in the order of the tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "tools/cli/format.hpp"

namespace pool_tool {

/// Used by the executor's thread. It never waits for who reads stdout.
class Results {
 public:
  /// `on_room` is called when is_full() has become false, and when all is written.
  Results(const boost::asio::any_io_executor& executor, int fd, const tools::Format& format,
          bool ordered, std::function<void()> on_room);

  void done(std::uint64_t task, std::string_view output);
  /// The task has no output; in order, those after it need not wait for it.
  void failed(std::uint64_t task);

  /// So much is held back that no new task should be begun.
  bool is_full() const;
  /// Nothing is held back any more.
  bool is_written() const { return text_.empty() && held_.empty(); }
  /// Nobody reads stdout any more (EPIPE): the rest is dropped.
  bool is_closed() const { return closed_; }

 private:
  void put(std::uint64_t task, std::string text);
  void write();
  bool write_some();

  boost::asio::any_io_executor executor_;
  int fd_;
  tools::Format format_;
  bool ordered_;
  std::function<void()> on_room_;
  std::optional<boost::asio::posix::stream_descriptor> readiness_;  ///< Not of a file.
  std::string text_;  ///< What is to be written next; the part before begin_ has been.
  std::size_t begin_ = 0;
  std::map<std::uint64_t, std::string> held_;  ///< In order: what waits for an earlier task.
  std::size_t held_bytes_ = 0;
  std::uint64_t next_ = 1;  ///< In order: the task whose turn it is.
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace pool_tool

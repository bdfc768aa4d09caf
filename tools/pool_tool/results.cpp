#include "tools/pool_tool/results.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <utility>

#include <boost/asio/post.hpp>

#include "ipc/sys/error.hpp"
#include "tools/pool_tool/task_source.hpp"

namespace pool_tool {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kMostText = std::size_t{1} << 20;
constexpr std::size_t kMostHeld = std::size_t{64} << 20;
constexpr std::size_t kMostHeldTasks = 100'000;

}  // namespace

Results::Results(const asio::any_io_executor& executor, int fd, const tools::Format& format,
                 bool ordered, std::function<void()> on_room)
    : executor_(executor),
      fd_(fd),
      format_(format),
      ordered_(ordered),
      on_room_(std::move(on_room)),
      readiness_(readiness_of(executor, fd)) {}

bool Results::is_full() const {
  return text_.size() - begin_ >= kMostText || held_bytes_ >= kMostHeld ||
         held_.size() >= kMostHeldTasks;
}

void Results::done(std::uint64_t task, std::string_view output) {
  // A line has one newline at its end, whether its author thought of it or not.
  if (format_.style == tools::Format::Style::line && !format_.nul && output.ends_with('\n'))
    output.remove_suffix(1);
  std::string text;
  tools::append(text, format_, output, {task, std::chrono::system_clock::now(), {}});
  put(task, std::move(text));
}

void Results::failed(std::uint64_t task) {
  put(task, "");
}

void Results::put(std::uint64_t task, std::string text) {
  if (!ordered_) {
    text_ += text;
    return write();
  }
  held_bytes_ += text.size();
  held_.emplace(task, std::move(text));
  for (auto first = held_.begin(); first != held_.end() && first->first == next_; ++next_) {
    held_bytes_ -= first->second.size();
    text_ += first->second;
    first = held_.erase(first);
  }
  write();
}

// A blocking pipe that poll(2) calls writable takes PIPE_BUF bytes without blocking, pipe(7); and not
// everybody who shares it with us expects it to become non-blocking.
bool Results::write_some() {
  const std::size_t left = text_.size() - begin_;
  const std::size_t size = readiness_ ? std::min<std::size_t>(left, PIPE_BUF) : left;
  const ssize_t count = ::write(fd_, text_.data() + begin_, size);
  if (count >= 0) {
    begin_ += static_cast<std::size_t>(count);
    if (begin_ == text_.size()) {
      text_.clear();
      begin_ = 0;
    } else if (begin_ >= kMostText) {
      text_.erase(0, begin_);
      begin_ = 0;
    }
    return true;
  }
  if (errno == EINTR || errno == EAGAIN) return true;
  if (errno != EPIPE) throw ipc::Error("write", "stdout", errno);
  closed_ = true;
  text_.clear();
  begin_ = 0;
  return false;
}

void Results::write() {
  if (writing_ || text_.empty()) return;
  if (closed_) return text_.clear();
  writing_ = true;
  const auto go_on = [this](error_code error = {}) {
    writing_ = false;
    if (error) return;
    const bool was_full = is_full();
    if (write_some()) write();
    if (was_full != is_full() || text_.empty()) on_room_();
  };
  if (readiness_)
    readiness_->async_wait(asio::posix::stream_descriptor::wait_write, go_on);
  else
    asio::post(executor_, [go_on] { go_on(); });
}

}  // namespace pool_tool

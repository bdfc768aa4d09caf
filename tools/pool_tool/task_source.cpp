#include "tools/pool_tool/task_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/post.hpp>

#include "ipc/sys/error.hpp"

namespace pool_tool {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;  // what a pipe holds by default, pipe(7)

}  // namespace

std::optional<asio::posix::stream_descriptor> readiness_of(const asio::any_io_executor& executor,
                                                           int fd) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) throw ipc::Error("fstat", std::to_string(fd), errno);
  if (!S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode) && ::isatty(fd) != 1)
    return std::nullopt;
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw ipc::Error("fcntl", std::to_string(fd), errno);
  return asio::posix::stream_descriptor(executor, copy);
}

TaskSource::TaskSource(const asio::any_io_executor& executor, int fd, char separator,
                       std::function<void()> on_change)
    : executor_(executor),
      fd_(fd),
      separator_(separator),
      on_change_(std::move(on_change)),
      readiness_(readiness_of(executor, fd)) {}

std::optional<std::string> TaskSource::next() {
  const std::size_t found = buffer_.find(separator_, begin_ + searched_);
  if (found == std::string::npos && (!ended_ || begin_ == buffer_.size())) {
    searched_ = buffer_.size() - begin_;
    return std::nullopt;
  }
  const std::size_t end = std::min(found, buffer_.size());
  std::string task = buffer_.substr(begin_, end - begin_);
  begin_ = std::min(end + 1, buffer_.size());
  searched_ = 0;
  return task;
}

void TaskSource::want_more() {
  if (reading_ || ended_ || stopped_) return;
  reading_ = true;
  const auto go_on = [this](error_code error = {}) {
    reading_ = false;
    if (error || stopped_) return;
    read();
    on_change_();
  };
  if (readiness_)
    readiness_->async_wait(asio::posix::stream_descriptor::wait_read, go_on);
  else
    asio::post(executor_, [go_on] { go_on(); });
}

void TaskSource::read() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kPiece);
  ssize_t count = 0;
  do {
    count = ::read(fd_, buffer_.data() + before, kPiece);
  } while (count < 0 && errno == EINTR);
  const int error = errno;
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0) throw ipc::Error("read", "stdin", error);
  ended_ = count == 0;
}

void TaskSource::stop() {
  stopped_ = true;
  if (readiness_) readiness_->cancel();
}

}  // namespace pool_tool

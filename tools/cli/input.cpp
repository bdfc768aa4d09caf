#include "tools/cli/input.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ipc/sys/error.hpp"

namespace tools {
namespace {
constexpr std::size_t kReadSize = std::size_t{64} << 10;  // what a pipe holds by default, pipe(7)
}

Input::Input(int fd, Cut cut, std::size_t limit, std::function<void()> before_reading)
    : fd_(fd), cut_(cut), limit_(limit), before_reading_(std::move(before_reading)) {}

std::optional<std::string_view> Input::next() {
  ++number_;
  switch (cut_.at) {
    case Cut::At::line:
      return next_terminated('\n');
    case Cut::At::nul:
      return next_terminated('\0');
    case Cut::At::chunk:
      return next_counted(cut_.chunk);
    case Cut::At::end:
      break;
  }
  if (number_ > 1) return std::nullopt;
  const auto all = next_counted(std::string::npos);
  return all ? all : std::string_view();
}

std::optional<std::string_view> Input::next_terminated(char terminator) {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t found = buffer_.find(terminator, begin_ + searched);
    if (found != std::string::npos) return take(found - begin_, 1);
    searched = buffer_.size() - begin_;
    if (searched > limit_ || !fill()) break;
  }
  if (buffer_.size() == begin_) return std::nullopt;
  return take(buffer_.size() - begin_, 0);
}

std::optional<std::string_view> Input::next_counted(std::size_t count) {
  while (buffer_.size() - begin_ < count && buffer_.size() - begin_ <= limit_ && fill()) {
  }
  if (buffer_.size() == begin_) return std::nullopt;
  return take(std::min(count, buffer_.size() - begin_), 0);
}

std::string_view Input::take(std::size_t length, std::size_t skipped) {
  if (length > limit_)
    throw ipc::Error(
        ipc::Trouble::limit, EMSGSIZE,
        "message " + std::to_string(number_) + " of stdin is longer than the " +
            std::to_string(limit_) +
            " bytes that the receiver takes (cut it with --chunk, or give the receiver "
            "a larger --max-message)");
  const std::string_view message(buffer_.data() + begin_, length);
  begin_ += length + skipped;
  return message;
}

bool Input::fill() {
  if (ended_) return false;
  if (before_reading_) before_reading_();
  // What has been handed out goes first, so that the buffer holds one message and one read at most.
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kReadSize);
  ssize_t count = 0;
  do {
    count = ::read(fd_, buffer_.data() + before, kReadSize);
  } while (count < 0 && errno == EINTR);
  const int error = errno;
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0) throw ipc::Error("read", "stdin", error);
  ended_ = count == 0;
  return !ended_;
}

}  // namespace tools

#include "ipc/wire/lines.hpp"

#include <algorithm>
#include <cstring>

namespace ipc::wire {
namespace {

constexpr std::size_t kRoom = std::size_t{64} << 10;

}  // namespace

std::span<std::byte> Lines::room() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    searched_ -= begin_;
    begin_ = 0;
  }
  if (end_ > longest_) {  // and no newline in sight
    skipped_ += end_;
    skipping_ = true;
    end_ = searched_ = 0;
  }
  if (buffer_.size() < end_ + kRoom) buffer_.resize(std::max(buffer_.size() * 2, end_ + kRoom));
  return std::span(buffer_).subspan(end_);
}

void Lines::filled(std::size_t count) {
  end_ += count;
}

std::optional<std::span<const std::byte>> Lines::next() {
  while (searched_ < end_) {
    const auto* found = static_cast<const std::byte*>(
        std::memchr(buffer_.data() + searched_, '\n', end_ - searched_));
    if (!found) {
      searched_ = end_;
      return std::nullopt;
    }
    const auto at = static_cast<std::size_t>(found - buffer_.data());
    const std::span<const std::byte> line(buffer_.data() + begin_, at - begin_);
    begin_ = searched_ = at + 1;
    if (!skipping_ && line.size() <= longest_) return line;
    skipped_ += line.size() + 1;
    skipping_ = false;
  }
  return std::nullopt;
}

std::optional<std::span<const std::byte>> Lines::rest() {
  const std::span<const std::byte> line(buffer_.data() + begin_, end_ - begin_);
  const bool deliver = !line.empty() && !skipping_ && line.size() <= longest_;
  if (!deliver) skipped_ += line.size();
  begin_ = searched_ = end_;
  skipping_ = false;
  if (deliver) return line;
  return std::nullopt;
}

}  // namespace ipc::wire

#include "ipc/wire/stream.hpp"

#include <algorithm>
#include <cstring>

namespace ipc::wire {
namespace {

constexpr std::array<std::byte, 4096> kZeros{};

}  // namespace

StreamParser::Buffer StreamParser::give_back() {
  if (left() > 0) return nullptr;
  begin_ = end_ = 0;
  return std::move(buffer_);
}

std::span<std::byte> StreamParser::room() {
  // What is left is less than one frame, so moving it always makes room.
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.get() + end_, kBuffer - end_};
}

StreamParser::Found StreamParser::next(Frame& frame) {
  if (left() < kFrameHeader) return Found::nothing;
  const Bytes rest(buffer_.get() + begin_, left());
  std::size_t length = 0;
  if (!decode_header(rest, frame, length) || length > kStreamPayload) return Found::foreign;
  if (rest.size() <= kFrameHeader + length) return Found::nothing;
  const std::byte commit = rest[kFrameHeader + length];
  if (commit != kCommit && commit != kAbandon) return Found::foreign;
  begin_ += kFrameHeader + length + 1;
  if (commit == kAbandon) return Found::abandoned;
  frame.payload = rest.subspan(kFrameHeader, length);
  return Found::frame;
}

void StreamDebt::incur(Bytes header, std::size_t payload, std::size_t written) {
  std::copy(header.begin(), header.end(), header_.begin());
  total_ = kFrameHeader + payload + 1;
  left_ = total_ - written;
}

Bytes StreamDebt::next() const {
  const std::size_t at = total_ - left_;
  if (left_ == 0) return {};
  if (at < kFrameHeader) return Bytes(header_).subspan(at);  // the length in it must be told
  if (left_ > 1) return Bytes(kZeros).first(std::min(kZeros.size(), left_ - 1));
  return {&kAbandon, 1};
}

}  // namespace ipc::wire

#include "ipc/wire/reassembly.hpp"

namespace ipc::wire {
namespace {

// A buffer that one huge message made grow is given back when the next message is small again.
constexpr std::size_t kKeptRoom = std::size_t{1} << 20;

}  // namespace

std::optional<Bytes> Assembly::accept(const Frame& frame) {
  if (frame.is_first()) {
    drop();
    if (frame.is_last()) return frame.payload;
    if (frame.payload.empty()) return std::nullopt;  // would begin a message without progress
    message_ = frame.message;
    total_ = frame.total;
    unfinished_ = true;
    bytes_.clear();
    if (bytes_.capacity() > kKeptRoom && total_ < bytes_.capacity() / 4) bytes_.shrink_to_fit();
  } else if (!unfinished_ || frame.message != message_ || frame.total != total_ ||
             frame.offset != bytes_.size() || frame.payload.empty()) {
    drop();
    return std::nullopt;
  }
  bytes_.insert(bytes_.end(), frame.payload.begin(), frame.payload.end());
  if (!frame.is_last()) return std::nullopt;
  unfinished_ = false;
  return Bytes(bytes_);
}

bool Assembly::drop() {
  const bool had = unfinished_;
  unfinished_ = false;
  return had;
}

}  // namespace ipc::wire

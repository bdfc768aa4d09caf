// Frames on a byte stream that one sender has for itself.
//
// A stream takes any part of what it is given, so a frame can be cut: by its sender's death, which
// ends the stream, or by a deadline, after which the sender lives and the stream goes on. Hence each
// frame is followed by one more byte:
//
//     [ header, 24 bytes ][ payload, up to 64 KiB ][ commit ]
//
// and counts only with it. A sender whose deadline has cut a frame owes the stream the rest of it;
// before its next frame it pays in zeros, and its commit byte says "abandoned". So the receiver is
// never out of step, and nothing that was given up is ever delivered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "ipc/wire/frame.hpp"

namespace ipc::wire {

inline constexpr std::size_t kStreamPayload = std::size_t{64} << 10;
inline constexpr std::size_t kStreamUnit = kFrameHeader + kStreamPayload + 1;

// Neither is 0, with which an abandoned frame is filled.
inline constexpr std::byte kCommit{'C'};
inline constexpr std::byte kAbandon{'A'};

/// Takes frames out of one stream. Its buffer is lent to it while it holds bytes, so that thousands
/// of idle streams cost nothing.
class StreamParser {
 public:
  using Buffer = std::unique_ptr<std::byte[]>;
  /// The longest frame and what one read may bring on top of it.
  static constexpr std::size_t kBuffer = kStreamUnit + (std::size_t{256} << 10);
  static Buffer make_buffer() { return std::make_unique_for_overwrite<std::byte[]>(kBuffer); }

  bool has_buffer() const { return buffer_ != nullptr; }
  void lend(Buffer buffer) { buffer_ = std::move(buffer); }
  /// Gives the buffer back if it holds nothing. Invalidates all frames handed out.
  Buffer give_back();

  /// Where to read the next bytes to; never empty. Invalidates all frames handed out.
  std::span<std::byte> room();
  void filled(std::size_t count) { end_ += count; }

  enum class Found {
    frame,      ///< Committed; its payload is a view that is valid until room().
    abandoned,  ///< Its sender gave it up.
    nothing,    ///< More bytes are needed.
    foreign,    ///< This is no stream of frames; there is no way to get into step with it.
  };
  Found next(Frame& frame);

  /// Bytes that no frame has been made of yet.
  std::size_t left() const { return end_ - begin_; }
  /// Drops them; says how many they were.
  std::size_t forget() { return end_ - std::exchange(begin_, end_); }

 private:
  Buffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// What a sender owes the stream for a frame that was cut.
class StreamDebt {
 public:
  /// Of the frame with this header and `payload` bytes, `written` bytes are in the stream.
  void incur(Bytes header, std::size_t payload, std::size_t written);
  bool is_paid() const { return left_ == 0; }
  /// The next bytes to write; empty if all is paid.
  Bytes next() const;
  void paid(std::size_t count) { left_ -= count; }

 private:
  std::array<std::byte, kFrameHeader> header_{};
  std::size_t total_ = 0;  ///< Bytes of the whole frame, commit byte included.
  std::size_t left_ = 0;
};

}  // namespace ipc::wire

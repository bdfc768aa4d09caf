// The frame: what a channel carries in one piece.
//
// A message longer than the mechanism's atomic unit travels as several frames. Never does a lock
// protect a longer write to a shared byte stream: a writer killed inside it leaves half a message
// that everybody after it is mistaken for (it takes a tenth of a second of random kills). Instead
// the unit that the kernel commits whole is the frame, and each says whose it is and which part of
// which message it brings.
//
//   offset  bytes
//        0      4  check    of the 20 bytes that follow; makes random bytes no frame
//        4      4  sender   the number of the connection
//        8      4  message  counts up per sender
//       12      4  total    bytes of the whole message
//       16      4  offset   of this frame's bytes in it: 0 is the first frame
//       20      4  flags << 24 | length of this frame's bytes
//       24         the bytes
//
// The last frame is the one with offset + length = total. A sender that gives a message up, because
// its deadline passed, begins the next one: a first frame drops whatever was unfinished. All fields
// are little-endian, so that frames may also leave the machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace ipc::wire {

using Bytes = std::span<const std::byte>;

inline constexpr std::size_t kFrameHeader = 24;
inline constexpr std::uint32_t kLongestPayload = (1u << 24) - 1;

struct Frame {
  std::uint32_t sender = 0;
  std::uint32_t message = 0;
  std::uint32_t total = 0;
  std::uint32_t offset = 0;
  std::uint8_t flags = 0;
  Bytes payload{};

  bool is_first() const { return offset == 0; }
  bool is_last() const { return offset + payload.size() == total; }
};

/// Flag: carries nothing; somebody came or left, so look at the lease.
inline constexpr std::uint8_t kNudge = 1;

/// The header of `frame`, for the `frame.payload.size()` bytes that follow it.
std::array<std::byte, kFrameHeader> encode(const Frame& frame);

/// The frame at the very front of `bytes`, whole or not at all: empty if the check fails, the
/// numbers contradict each other, or the payload is cut.
std::optional<Frame> decode(Bytes bytes);

/// The header at the very front of `bytes` and the `length` of the payload that should follow; false
/// if it does not check. The payload is not looked at.
bool decode_header(Bytes bytes, Frame& frame, std::size_t& length);

/// Takes frames out of a byte stream. Bytes that are no frame are skipped up to the next header
/// that checks, so foreign bytes cost themselves and nothing else.
class Parser {
 public:
  /// `longest` is the longest payload a frame of this stream may have; `plausible` is asked whether
  /// a header that checks can be from one of our senders, before its payload is waited for.
  Parser(std::size_t room, std::size_t longest, std::function<bool(const Frame&)> plausible);

  /// Where to read the next bytes to; never empty. Invalidates all frames handed out.
  std::span<std::byte> room();
  /// That many bytes have been put at the front of room().
  void filled(std::size_t count);
  /// The next whole frame: a view that is valid until room().
  std::optional<Frame> next();
  /// The channel was found empty: what is left can be no frame, because frames arrive whole.
  void found_empty();
  /// Bytes that were no frame, so far.
  std::uint64_t skipped() const { return skipped_; }

 private:
  std::size_t longest_;
  std::function<bool(const Frame&)> plausible_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace ipc::wire

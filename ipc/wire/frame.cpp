#include "ipc/wire/frame.hpp"

#include <bit>
#include <cstring>
#include <utility>

namespace ipc::wire {
namespace {

struct Header {
  std::uint32_t check;
  std::uint32_t sender;
  std::uint32_t message;
  std::uint32_t total;
  std::uint32_t offset;
  std::uint32_t flags_length;
};
static_assert(sizeof(Header) == kFrameHeader);

// Not against forgers, who could compute it too, but against chance: of 2^32 random headers one
// passes. Two multiplications, since it is computed for every frame, twice. The constants are odd
// 64-bit numbers with about half of their bits set, as multiplicative hashing wants them.
std::uint32_t check_of(const Header& header) {
  const std::uint64_t a = std::uint64_t{header.sender} << 32 | header.message;
  const std::uint64_t b = std::uint64_t{header.total} << 32 | header.offset;
  std::uint64_t hash = (a ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
  hash ^= hash >> 32;
  hash = (hash ^ b ^ std::uint64_t{header.flags_length} << 20) * 0xa0761d6478bd642fu;
  return static_cast<std::uint32_t>(hash >> 32 ^ hash);
}

// Between this machine's byte order and the frame's; nothing to do on most.
Header swapped(Header header) {
  if constexpr (std::endian::native == std::endian::big)
    for (std::uint32_t* field : {&header.check, &header.sender, &header.message, &header.total,
                                 &header.offset, &header.flags_length})
      *field = __builtin_bswap32(*field);
  return header;
}

}  // namespace

bool decode_header(Bytes bytes, Frame& frame, std::size_t& length) {
  if (bytes.size() < kFrameHeader) return false;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  header = swapped(header);
  if (header.check != check_of(header)) return false;
  frame.sender = header.sender;
  frame.message = header.message;
  frame.total = header.total;
  frame.offset = header.offset;
  frame.flags = static_cast<std::uint8_t>(header.flags_length >> 24);
  length = header.flags_length & kLongestPayload;
  return header.offset + std::uint64_t{length} <= header.total;
}

std::array<std::byte, kFrameHeader> encode(const Frame& frame) {
  Header header{
      0,
      frame.sender,
      frame.message,
      frame.total,
      frame.offset,
      std::uint32_t{frame.flags} << 24 | static_cast<std::uint32_t>(frame.payload.size())};
  header.check = check_of(header);
  header = swapped(header);
  std::array<std::byte, kFrameHeader> out;
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

std::optional<Frame> decode(Bytes bytes) {
  Frame frame;
  std::size_t length = 0;
  if (!decode_header(bytes, frame, length) || bytes.size() - kFrameHeader < length)
    return std::nullopt;
  frame.payload = bytes.subspan(kFrameHeader, length);
  return frame;
}

Parser::Parser(std::size_t room, std::size_t longest, std::function<bool(const Frame&)> plausible)
    : longest_(longest), plausible_(std::move(plausible)), buffer_(room + kFrameHeader + longest) {}

std::span<std::byte> Parser::room() {
  // What is left is less than one frame, so moving it is cheap and always makes room.
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return std::span(buffer_).subspan(end_);
}

void Parser::filled(std::size_t count) {
  end_ += count;
}

void Parser::found_empty() {
  skipped_ += end_ - begin_;
  begin_ = end_ = 0;
}

std::optional<Frame> Parser::next() {
  while (end_ - begin_ >= kFrameHeader) {
    const Bytes rest(buffer_.data() + begin_, end_ - begin_);
    Frame frame;
    std::size_t length = 0;
    if (decode_header(rest, frame, length) && length <= longest_ && plausible_(frame)) {
      if (rest.size() - kFrameHeader < length) return std::nullopt;
      frame.payload = rest.subspan(kFrameHeader, length);
      begin_ += kFrameHeader + length;
      return frame;
    }
    ++begin_;
    ++skipped_;
  }
  return std::nullopt;
}

}  // namespace ipc::wire

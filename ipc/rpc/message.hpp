// The messages of remote calls: a header, what follows from it, and the bytes of the caller or the
// server.
//
//   offset  bytes
//        0      4  magic    "rpc1": other bytes are no message of ours
//        4      1  type
//        5      1  0
//        6      2  address  length of the reply address in bytes; 0 in all but a call
//        8      8  number   of the call; 0 in probe and leave
//       16         the reply address, then the body, which runs to the end of the message
//
//   caller → server   call       body: the request. Its reply goes to the reply address
//                     withdraw   nobody waits for the reply of this call any more
//                     probe      nothing; that it could be sent shows that the server lives
//                     leave      the caller ends in good order
//   server → caller   reply      body: the reply
//                     refusal    body: why there is none, a sentence in UTF-8
//
// A caller's first number is random and each later one is one more, so that a reply of another life
// of its address is not taken for one of this. In the machine's own byte order.
//
// Pure functions of bytes, usable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ipc::rpc {

enum class Type : std::uint8_t {
  call = 1,
  withdraw = 2,
  probe = 3,
  leave = 4,
  reply = 16,
  refusal = 17,
};

inline constexpr std::size_t kHeader = 16;
/// The longest reply address in bytes: PATH_MAX, without its NUL.
inline constexpr std::size_t kMostAddress = 4095;

/// Address and body are views of the caller's, or of what was decoded.
struct Message {
  Type type = Type::probe;
  std::uint64_t number = 0;
  std::string_view address{};
  std::span<const std::byte> body{};
};

/// Writes it into `room`, which keeps its memory for the next one, and returns it.
std::span<const std::byte> encode(const Message& message, std::vector<std::byte>& room);
/// Reads what encode() could have written; nothing else is a message.
std::optional<Message> decode(std::span<const std::byte> bytes);

}  // namespace ipc::rpc

// The messages between a master and its workers: a JSON object on one line, then raw bytes.
//
//     {"v":1,"run":"9f86d081884c7d65","type":"task","slot":2,"generation":1,"task":17,"attempt":1}
//     https://example.org/
//
// The line is there so that a person can read the traffic with the pairs and a shell script can
// take part in it; the body is not JSON, so that a page needs no escaping and may hold any bytes.
// Between line and body stands one '\n'; the body runs to the end of the message and may be empty.
//
//   hello   worker → master   first message; `about` says how to reach it. A worker that nobody
//                             started leaves slot and generation out, and learns them from the
//                             first message that it gets.
//   task    master → worker   body: the work
//   result  worker → master   body: its outcome, `about`: its properties; task, attempt, slot and
//                             generation as in the task
//   ping    master → worker   about each second
//   pong    worker → master   the answer
//   stop    master → worker   end now, with a goodbye
//
// `run` is the master's random number: objects in shared name spaces outlive their processes, and a
// message of another run must not be taken for one of this. What arrives is never trusted: decode()
// checks every field and says what is wrong. Keys that it does not know are ignored.
//
// Pure functions of bytes, usable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "ipc/transport.hpp"

namespace pool {

enum class Type { hello, task, result, ping, pong, stop };
std::string_view to_string(Type);

/// The longest header line in bytes, without its newline.
inline constexpr std::size_t max_header = std::size_t{64} << 10;

/// 64 random bits that tell one life of a master from all others; written as 16 hexadecimal digits.
using RunId = std::uint64_t;
std::string to_text(RunId);
/// Exactly 16 hexadecimal digits, else nothing.
std::optional<RunId> parse_run(std::string_view text);
/// From getrandom(2).
RunId random_run();

struct Envelope {
  Type type = Type::ping;
  RunId run = 0;
  std::uint32_t slot = 0;        ///< Which worker, from 1; 0: not given one yet (hello only).
  std::uint32_t generation = 0;  ///< Which life of it, from 1; 0 with slot 0.
  std::uint64_t task = 0;        ///< With task and result, from 1.
  std::uint32_t attempt = 0;     ///< With task and result, from 1.
  boost::json::object about{};   ///< What the pool's user adds; left out of the line if empty.
  ipc::Bytes body{};             ///< A view; decode() points it into the message.
};

/// The message. Throws std::length_error if the header is longer than max_header.
std::vector<std::byte> encode(const Envelope&);

/// An envelope, or one line about what is wrong with the bytes.
struct Decoded {
  std::optional<Envelope> envelope;
  std::string problem{};
  explicit operator bool() const { return envelope.has_value(); }
};
/// The envelope's body is a view into `message`.
Decoded decode(ipc::Bytes message);

inline ipc::Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(ipc::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace pool

#include "ipc/connected/stream.hpp"

namespace ipc::connected {
namespace {

constexpr std::size_t kSpareBuffers = 4;

}  // namespace

Heard StreamEars::hear(Connection& connection, wire::Frame& frame, std::size_t& foreign) {
  foreign = 0;
  wire::StreamParser& stream = connection.stream;
  for (;;) {
    if (connection.foreign && stream.left() > 0) {
      foreign = stream.forget();
      return Heard::foreign;
    }
    switch (stream.has_buffer() ? stream.next(frame) : wire::StreamParser::Found::nothing) {
      case wire::StreamParser::Found::frame:
        return Heard::frame;
      case wire::StreamParser::Found::abandoned:
        connection.assembly.drop();
        continue;
      case wire::StreamParser::Found::foreign:
        connection.foreign = true;
        continue;
      case wire::StreamParser::Found::nothing:
        break;
    }
    if (!stream.has_buffer()) {
      if (spare_.empty()) spare_.push_back(wire::StreamParser::make_buffer());
      stream.lend(std::move(spare_.back()));
      spare_.pop_back();
    }
    const auto got =
        sys::read(connection.socket.get(), stream.room(), "all that waits, of however many frames");
    if (got.ok() && got.value > 0) {
      stream.filled(got.count());
      continue;
    }
    put_away(connection);
    if (got.error == EAGAIN) return Heard::nothing;
    // A reset, a time-out of a lost host: also an end, and the slot tells whether a good one.
    if (!got.ok() && !is_end(got.error)) got.check("a connection");
    return Heard::ended;
  }
}

void StreamEars::put_away(Connection& connection) {
  auto buffer = connection.stream.give_back();
  if (buffer && spare_.size() < kSpareBuffers) spare_.push_back(std::move(buffer));
}

}  // namespace ipc::connected

#include "ipc/connected/tcp_hello.hpp"

#include <array>

namespace ipc::connected {

std::string note(std::uint8_t flags, std::uint32_t sender, std::string_view payload) {
  const auto header = wire::encode({.sender = sender,
                                    .total = static_cast<std::uint32_t>(payload.size()),
                                    .flags = flags,
                                    .payload = std::as_bytes(std::span(payload))});
  std::string text(reinterpret_cast<const char*>(header.data()), header.size());
  text += payload;
  text += static_cast<char>(wire::kCommit);
  return text;
}

std::string number_text(std::uint32_t number) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += static_cast<char>(number >> (8 * i) & 0xff);
  return text;
}

std::uint32_t number_of(Bytes text) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(4, text.size()); ++i)
    number |= static_cast<std::uint32_t>(text[i]) << (8 * i);
  return number;
}

bool send_note(int socket, const std::string& note, const char* why) {
  const std::array parts{sys::part(std::as_bytes(std::span(note)))};
  const auto sent = sys::sendmsg(socket, parts, why);
  return sent.ok() && sent.count() == note.size();
}

bool NoteReader::next(int socket, wire::Frame& frame, Deadline deadline,
                      const std::string& object) {
  if (!parser_.has_buffer()) parser_.lend(wire::StreamParser::make_buffer());
  for (;;) {
    const auto found = parser_.next(frame);
    if (found == wire::StreamParser::Found::frame) return true;
    if (found != wire::StreamParser::Found::nothing)
      throw Error(Trouble::invalid, EPROTO,
                  "connect " + object + ": what answers there is no receiver of ours");
    const auto got = sys::read(socket, parser_.room(), "what the receiver answers");
    if (got.ok() && got.value > 0) {
      parser_.filled(got.count());
      continue;
    }
    if (!got.ok() && got.error != EAGAIN && !is_end(got.error)) got.check(object);
    if (got.error != EAGAIN)
      throw Error(Trouble::no_receiver, got.ok() ? ECONNRESET : got.error,
                  "connect " + object + ": the receiver has gone");
    if (!sys::wait_readable(socket, deadline, "until the receiver answers")) return false;
  }
}

}  // namespace ipc::connected

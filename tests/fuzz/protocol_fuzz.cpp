// Whatever comes into the master's inbox, or to a client as a line, is read or refused; what was read
// can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "tools/crawler/protocol.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void read_message(ipc::Bytes message) {
  const auto decoded = pool::decode(message);
  check(decoded.envelope.has_value() == decoded.problem.empty());
  if (!decoded) return;
  const pool::Envelope& envelope = *decoded.envelope;
  try {
    const auto again = pool::encode(envelope);
    const auto second = pool::decode(again);
    check(second && second.envelope->type == envelope.type &&
          second.envelope->run == envelope.run && second.envelope->slot == envelope.slot &&
          second.envelope->task == envelope.task &&
          second.envelope->body.size() == envelope.body.size());
  } catch (const std::length_error&) {
    // Numbers such as 1e5 and unknown members are written in another length than they were read.
  }
  if (const auto hello = crawler::read_hello(envelope.about))
    check(static_cast<bool>(crawler::read_hello(crawler::write_hello(*hello.value))));
  if (const auto page = crawler::read_page(envelope.about, envelope.body))
    check(static_cast<bool>(crawler::read_page(crawler::write_page(*page.value), envelope.body)));
}

void read_text(std::string_view text) {
  if (const auto outcome = crawler::read_line(text)) {
    const std::string line = crawler::write_line(*outcome.value);
    check(crawler::is_utf8(line));
    check(static_cast<bool>(crawler::read_line(line)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ipc::Bytes bytes = std::as_bytes(std::span(data, size));
  read_message(bytes);
  read_text(pool::as_text(bytes));
  return 0;
}

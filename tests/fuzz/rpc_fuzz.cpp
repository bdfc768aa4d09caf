// Whatever comes into the inbox of a server or a caller is a message or is none; what is one is made of
// these bytes and no others.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "ipc/kinds.hpp"
#include "ipc/rpc/message.hpp"
#include "ipc/rpc/reply_inbox.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

bool lies_in(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto message = ipc::rpc::decode(bytes);
  if (!message) return 0;
  check(lies_in(std::as_bytes(std::span(message->address)), bytes));
  check(lies_in(message->body, bytes));
  check(ipc::rpc::kHeader + message->address.size() + message->body.size() == size);
  std::vector<std::byte> room;
  check(std::ranges::equal(ipc::rpc::encode(*message, room), bytes));
  // Nobody's inbox but a caller's is ever written to.
  if (ipc::rpc::is_reply_address(ipc::kinds::fifo, message->address))
    check(message->address.starts_with('/') &&
          message->address.find(".reply.") != std::string_view::npos);
  return 0;
}

// The messages of remote calls, byte by byte.
#include "ipc/rpc/message.hpp"

#include <string>

#include <doctest/doctest.h>

namespace {

using ipc::rpc::decode;
using ipc::rpc::Message;
using ipc::rpc::Type;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string encoded(const Message& message) {
  std::vector<std::byte> room;
  const auto written = ipc::rpc::encode(message, room);
  return {reinterpret_cast<const char*>(written.data()), written.size()};
}

// With one byte set to something else.
std::string with(std::string text, std::size_t at, char value) {
  text.at(at) = value;
  return text;
}

const std::string kCall =
    encoded({.type = Type::call, .number = 7, .address = "/a.reply.1", .body = bytes("hello")});

TEST_CASE("a call is laid out as docs/formats.md says") {
  using namespace std::string_literals;
  CHECK(kCall ==
        "rpc1"
        "\x01\0\x0a\0"
        "\x07\0\0\0\0\0\0\0"
        "/a.reply.1hello"s);
}

TEST_CASE("what was written is read again") {
  for (const auto type :
       {Type::call, Type::withdraw, Type::probe, Type::leave, Type::reply, Type::refusal}) {
    Message message{.type = type};
    if (type != Type::probe && type != Type::leave) message.number = 0x0123456789abcdef;
    if (type == Type::call) message.address = "/x";
    for (const std::string_view body : {"", "a", "a longer body\n"}) {
      if (!body.empty() && (type == Type::withdraw || message.number == 0)) continue;
      message.body = bytes(body);
      const std::string text = encoded(message);
      const auto again = decode(bytes(text));
      REQUIRE(again);
      CHECK(again->type == type);
      CHECK(again->number == message.number);
      CHECK(again->address == message.address);
      CHECK(encoded(*again) == text);
    }
  }
}

TEST_CASE("the body is a view into what was read") {
  const auto message = decode(bytes(kCall));
  REQUIRE(message);
  CHECK(static_cast<const void*>(message->body.data()) == kCall.data() + kCall.size() - 5);
}

TEST_CASE("nothing else is a message") {
  CHECK_FALSE(decode({}));
  CHECK_FALSE(decode(bytes("a line of somebody else's")));
  for (std::size_t size = 0; size < ipc::rpc::kHeader + 10; ++size)
    CHECK_FALSE(decode(bytes(std::string_view(kCall).substr(0, size))));
  CHECK_FALSE(decode(bytes(with(kCall, 3, '2'))));    // another version
  CHECK_FALSE(decode(bytes(with(kCall, 4, 0))));      // no such type
  CHECK_FALSE(decode(bytes(with(kCall, 4, 99))));     //
  CHECK_FALSE(decode(bytes(with(kCall, 5, 1))));      // is 0
  CHECK_FALSE(decode(bytes(with(kCall, 6, 100))));    // an address beyond the end
  CHECK_FALSE(decode(bytes(with(kCall, 7, 17))));     // or longer than any
  CHECK_FALSE(decode(bytes(with(kCall, 6, 0))));      // a call without one
  CHECK_FALSE(decode(bytes(with(kCall, 8, 0))));      // or without a number
  CHECK_FALSE(decode(bytes(with(kCall, 18, '\0'))));  // a NUL in the address
  CHECK_FALSE(decode(bytes(with(kCall, 4, 16))));     // a reply with an address
  CHECK_FALSE(decode(bytes(encoded({.type = Type::probe}) + "x")));
  CHECK_FALSE(decode(bytes(encoded({.type = Type::withdraw, .number = 1}) + "x")));
  CHECK_FALSE(decode(bytes(encoded({.type = Type::leave, .number = 1}))));
}

}  // namespace

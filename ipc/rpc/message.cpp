#include "ipc/rpc/message.hpp"

#include <cstring>

namespace ipc::rpc {
namespace {

constexpr std::string_view kMagic = "rpc1";

// The header as it lies in memory: every field at a multiple of its size, so without gaps.
struct Header {
  char magic[4];
  std::uint8_t type;
  std::uint8_t zero;
  std::uint16_t address;
  std::uint64_t number;
};
static_assert(sizeof(Header) == kHeader);

struct Shape {
  bool has_number;
  bool has_address;
  bool has_body;
};

std::optional<Shape> shape_of(Type type) {
  switch (type) {
    case Type::call:
      return Shape{true, true, true};
    case Type::withdraw:
      return Shape{true, false, false};
    case Type::probe:
    case Type::leave:
      return Shape{false, false, false};
    case Type::reply:
    case Type::refusal:
      return Shape{true, false, true};
  }
  return std::nullopt;
}

}  // namespace

std::span<const std::byte> encode(const Message& message, std::vector<std::byte>& room) {
  Header header{};
  std::memcpy(header.magic, kMagic.data(), sizeof header.magic);
  header.type = static_cast<std::uint8_t>(message.type);
  header.address = static_cast<std::uint16_t>(message.address.size());
  header.number = message.number;
  room.clear();
  const auto put = [&](std::span<const std::byte> bytes) {
    room.insert(room.end(), bytes.begin(), bytes.end());
  };
  room.reserve(kHeader + message.address.size() + message.body.size());
  put(std::as_bytes(std::span(&header, 1)));
  put(std::as_bytes(std::span(message.address)));
  put(message.body);
  return room;
}

std::optional<Message> decode(std::span<const std::byte> bytes) {
  Header header{};
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kMagic || header.zero != 0)
    return std::nullopt;

  Message message;
  message.type = static_cast<Type>(header.type);
  const auto shape = shape_of(message.type);
  if (!shape) return std::nullopt;
  message.number = header.number;
  if ((message.number != 0) != shape->has_number) return std::nullopt;

  const auto rest = bytes.subspan(sizeof header);
  if ((header.address != 0) != shape->has_address || header.address > kMostAddress ||
      header.address > rest.size())
    return std::nullopt;
  message.address = {reinterpret_cast<const char*>(rest.data()), header.address};
  if (message.address.find('\0') != std::string_view::npos) return std::nullopt;
  message.body = rest.subspan(header.address);
  if (!message.body.empty() && !shape->has_body) return std::nullopt;
  return message;
}

}  // namespace ipc::rpc

// Text as the bytes of a message, and back.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ipc/transport.hpp"

namespace test {

/// A view of `text`, which must outlive it.
inline ipc::Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(ipc::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace test

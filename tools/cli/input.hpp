// stdin as a sequence of messages.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tools {

/// Where one message of stdin ends and the next begins.
struct Cut {
  enum class At { line, nul, chunk, end };
  At at = At::line;
  std::size_t chunk = 0;  ///< With At::chunk, in bytes; at least 1.
};

/// Cuts what can be read from a descriptor into messages. Line and NUL are not part of a message;
/// a last piece without its terminator is a message if it has any bytes. With At::end all there is
/// is one message, be it empty.
class Input {
 public:
  /// Messages longer than `limit` bytes are refused. The descriptor stays the caller's.
  /// `before_reading` is called before each read(2), which may block; what it throws, next() throws.
  Input(int fd, Cut cut, std::size_t limit, std::function<void()> before_reading = {});

  /// The next message, which stays intact until the next call; nothing at the end of the input.
  /// Throws ipc::Error if reading fails or a message passes the limit.
  std::optional<std::string_view> next();

 private:
  std::optional<std::string_view> next_terminated(char terminator);
  std::optional<std::string_view> next_counted(std::size_t count);
  std::string_view take(std::size_t length, std::size_t skipped);
  bool fill();

  int fd_;
  Cut cut_;
  std::size_t limit_;
  std::function<void()> before_reading_;
  std::string buffer_;  // what has been read; the part before begin_ has been handed out
  std::size_t begin_ = 0;
  std::size_t number_ = 0;  // of the message that is being looked for
  bool ended_ = false;
};

}  // namespace tools

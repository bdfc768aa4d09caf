// stdout, buffered, for as long as there is more to come.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tools {

/// Nobody reads our stdout any more (EPIPE).
struct OutputClosed {};
/// A signal told us to end while nobody read our stdout.
struct OutputGivenUp {};

/// Collects what is written and passes it on when it is much, or when flush() is called. What has
/// not been flushed is lost with the object.
class Output {
 public:
  /// `interrupted` is asked whenever a signal may have interrupted a write; if it says yes the write
  /// is given up. The descriptor stays the caller's.
  Output(int fd, std::function<bool()> interrupted);

  /// Throw OutputClosed, OutputGivenUp, or ipc::Error for any other failure.
  void write(std::string_view bytes);
  void flush();

  /// Whether it is the kind of descriptor whose reader can go away (a pipe or a socket).
  bool may_close() const { return may_close_; }

 private:
  void write_all(std::string_view bytes);

  int fd_;
  std::function<bool()> interrupted_;
  bool may_close_;
  std::string buffer_;
};

}  // namespace tools

// Cuts a byte stream into lines, for receivers that speak bare.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ipc::wire {

class Lines {
 public:
  /// Lines longer than `longest` bytes are skipped and counted.
  explicit Lines(std::size_t longest) : longest_(longest) {}

  /// Where to read the next bytes to; never empty. Invalidates the last line.
  std::span<std::byte> room();
  void filled(std::size_t count);
  /// The next whole line without its newline: a view that is valid until room().
  std::optional<std::span<const std::byte>> next();
  /// The stream has ended: the last line, if it had no newline.
  std::optional<std::span<const std::byte>> rest();
  std::uint64_t skipped() const { return skipped_; }

 private:
  std::size_t longest_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;  ///< No newline lies between begin_ and here.
  std::size_t end_ = 0;
  bool skipping_ = false;  ///< Within a line that is too long.
  std::uint64_t skipped_ = 0;
};

}  // namespace ipc::wire

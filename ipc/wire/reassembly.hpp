// Puts the frames of one sender together again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ipc/wire/frame.hpp"

namespace ipc::wire {

/// One sender's unfinished message. Memory grows as bytes arrive, so that a header which announces
/// 16 MiB costs nothing by itself, up to the longest message.
class Assembly {
 public:
  /// Takes one frame of this sender. Returns the message if it is complete with it: a view into the
  /// frame's own bytes if it is the only one, else into this object, valid until the next accept().
  /// A frame that does not continue what is unfinished drops it; if it is no first one, it is
  /// dropped as well.
  std::optional<Bytes> accept(const Frame& frame);

  /// Forgets what is unfinished; says whether there was anything.
  bool drop();
  bool is_unfinished() const { return unfinished_; }

 private:
  std::vector<std::byte> bytes_;
  std::uint32_t message_ = 0;
  std::uint32_t total_ = 0;
  bool unfinished_ = false;
};

}  // namespace ipc::wire

// What is measured: a way to get messages from one process into another.
//
// Each mechanism is here twice, once as a kind of the library and once as its bare system calls, and
// both are driven by the same loops (measure.cpp). The bare form is what one would write without a
// library for one sender and one receiver that trust each other: it knows no second sender, no end of
// the other side, no deadline. What it reaches is the limit that the kernel sets.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ipc/transport.hpp"

namespace bench {

using ipc::Bytes;

class Out {
 public:
  virtual ~Out() = default;
  /// Waits for room.
  virtual void send(Bytes message) = 0;
};

class In {
 public:
  virtual ~In() = default;
  /// Waits for the next message, which is valid until the next call.
  virtual Bytes receive() = 0;
};

/// One direction, for messages of one size. It is made before the two processes are; then the
/// receiving process calls in(), and after that the sending one out(), each once.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual std::unique_ptr<In> in() = 0;
  virtual std::unique_ptr<Out> out() = 0;
};

/// `name` is unused in every name space; `directory` is private.
struct Place {
  std::string directory;
  std::string name;
};

/// The library's.
std::unique_ptr<Channel> library_channel(const ipc::Kind& kind, const Place& place);
/// The bare calls of the mechanism of that kind; null if there are none to compare it with.
std::unique_ptr<Channel> bare_channel(std::string_view kind, const Place& place, std::size_t size);

}  // namespace bench

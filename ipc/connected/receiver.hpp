// What the receivers of all kinds with connections have in common: the loop over a crowd, messages
// put together per connection, and ends told in order.
//
// A connection tells its sender's end by itself, at once: EOF, after all that was sent. But not
// always: a forked child may hold the sender's end open, and EOF does not say whether the sender
// left in good order. So the slots have the last word here too (sys/lease_page.hpp); EOF only makes
// the receiver look at them at once, and counts as the end of the lock.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ipc/connected/crowd.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/sys/lease_page.hpp"
#include "ipc/transport.hpp"

namespace ipc::connected {

/// What one look at a connection brings.
enum class Heard {
  frame,
  nothing,  ///< It is empty now.
  ended,    ///< EOF, or is_end(): its sender has left or died.
  foreign,  ///< What came is not ours, and has been counted.
};

/// Whether an error of a connection says that the other side is gone: a reset, a host that is lost,
/// and what tcp(7) passes on of ICMP's reasons for that. Any other is a failure of ours.
bool is_end(int error);

class FramedReceiver : public Receiver {
 public:
  ~FramedReceiver() override;

 protected:
  struct Terms {
    std::string address;
    sys::Fd listener;
    std::size_t max_message;
    std::span<sys::Slot> slots;
    std::function<bool(std::uint32_t slot)> lives;  ///< Is the slot's byte locked?
    std::function<bool()> any_lives;
    std::function<bool(Connection&)> admit;
    /// Whether some of what a dead sender has sent may not have arrived yet. Null where nothing is
    /// between the two ends.
    std::function<bool(const Connection&)> is_on_its_way{};
  };
  explicit FramedReceiver(Terms terms);

  /// For destructors: the last message that was received is consumed by a good end.
  void finish();
  void count_foreign(std::size_t bytes) { foreign_ += bytes > 0 ? bytes : 1; }

 private:
  /// The next frame of this connection; count_foreign() what is none. Of one that is foreign all is
  /// foreign: it is heard to its end, since whoever writes there shall not get an error from us. May
  /// throw, and is then asked again later.
  virtual Heard hear(Connection& connection, wire::Frame& frame) = 0;
  /// A frame with flags of a stranger who has no id yet: may give it one. False if it is foreign.
  virtual bool meet(Connection&, const wire::Frame&) { return false; }
  /// Any other frame with flags, which carries no part of a message; false if that is foreign.
  virtual bool take_note(Connection&, const wire::Frame&) { return true; }
  /// The last message has been consumed.
  virtual void consumed() {}
  /// This connection is over.
  virtual void ended(Connection&) {}

  Received do_receive(Deadline) override;
  int do_readiness_fd() override { return readiness_.fd(crowd_.epoll()); }
  std::uint64_t do_foreign_bytes() const override { return foreign_; }

  std::optional<Received> listen_to(Connection& speaker);
  bool is_from(Connection& speaker, const wire::Frame& frame);
  void end(Connection& speaker);
  bool may_settle();
  bool has_arrived(Connection& connection);
  bool drain(std::uint32_t slot, std::uint32_t generation);
  void retire(Connection& connection);

  std::span<sys::Slot> slots_;
  std::size_t max_message_;
  std::function<bool(const Connection&)> is_on_its_way_;
  Crowd crowd_;
  framed::Inbox inbox_;
  framed::Readiness readiness_;
  std::uint64_t marked_in_ = 0;       ///< The round in which ends were last found ...
  std::uint64_t arrived_in_ = 0;      ///< ... and in which the last of theirs was seen to be here.
  std::vector<std::uint32_t> ended_;  ///< Per slot: the last generation whose connection has ended.
  std::uint64_t foreign_ = 0;
};

}  // namespace ipc::connected

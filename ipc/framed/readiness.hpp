// One descriptor that tells of messages and of ends.
//
// A channel's descriptor becomes readable when a frame arrives, but says nothing when a sender is
// killed. So it is put into an epoll descriptor together with a timer that ticks every 250 ms while
// anybody is connected, and the tick makes the receiver look at the locks. Nobody connected: no
// ticks, and a newcomer's nudge through the channel starts them again.
#pragma once

#include <chrono>

#include "ipc/sys/fd.hpp"
#include "ipc/transport.hpp"

namespace ipc::framed {

class Readiness {
 public:
  /// The descriptor; made at the first call, so that who never asks pays nothing. `channel` is -1
  /// if there is none any more. `also`, if there is one, is something else that wakes.
  int fd(int channel, int also = -1);
  /// The channel has ended, and will be closed.
  void forget(int channel);
  /// To be called with what a receive is about to return. `quiet`: nothing will happen until the
  /// channel says so.
  Received done(Received received, bool quiet);

 private:
  sys::Fd epoll_;
  sys::Fd timer_;
  bool ticking_ = false;
  Deadline::Clock::time_point next_tick_{};
};

}  // namespace ipc::framed

#include "ipc/framed/readiness.hpp"

#include "ipc/sys/wait.hpp"

namespace ipc::framed {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);

}  // namespace

int Readiness::fd(int channel, int also) {
  if (!epoll_.is_open()) {
    sys::Fd epoll = sys::make_epoll("one descriptor for messages and ticks");
    timer_ = sys::make_timer("ticks while somebody is connected");
    if (channel >= 0) sys::epoll_add(epoll.get(), channel, "readable when a frame arrives");
    if (also >= 0) sys::epoll_add(epoll.get(), also, "readable when something has happened to it");
    sys::epoll_add(epoll.get(), timer_.get(), "readable when it is time to look for ends");
    epoll_ = std::move(epoll);
    sys::set_timer(timer_.get(), kTick, "somebody may be connected already");
    ticking_ = true;
    next_tick_ = Deadline::Clock::now() + kTick;
  }
  return epoll_.get();
}

void Readiness::forget(int channel) {
  if (epoll_.is_open()) sys::epoll_remove(epoll_.get(), channel, "nothing will come here any more");
}

Received Readiness::done(Received received, bool quiet) {
  if (!epoll_.is_open()) return received;
  const bool idle = received.status == Status::timed_out && quiet;
  if (idle == ticking_) {
    sys::set_timer(timer_.get(), idle ? std::chrono::nanoseconds::zero() : kTick,
                   idle ? "nobody is connected: no more ticks" : "look every 250 ms again");
    ticking_ = !idle;
    next_tick_ = Deadline::Clock::now() + kTick;
  } else if (ticking_ && received.status == Status::timed_out) {
    // Only now is the tick taken: as long as there was something to return, it said so rightly.
    if (const auto now = Deadline::Clock::now(); now >= next_tick_) {
      sys::clear_timer(timer_.get(), "the tick has done its work");
      while (next_tick_ <= now) next_tick_ += kTick;
    }
  }
  return received;
}

}  // namespace ipc::framed

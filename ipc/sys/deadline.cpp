#include "ipc/sys/deadline.hpp"

namespace ipc {

Deadline Deadline::after(std::chrono::nanoseconds span) {
  const auto now = Clock::now();
  if (span >= Clock::time_point::max() - now) return never();
  return Deadline(now + span);
}

bool Deadline::expired() const {
  if (is_never()) return false;
  if (is_at_once()) return true;
  return Clock::now() >= when_;
}

std::chrono::nanoseconds Deadline::left() const {
  if (is_never()) return std::chrono::nanoseconds::max();
  if (is_at_once()) return std::chrono::nanoseconds::zero();
  return std::max(when_ - Clock::now(), Clock::duration::zero());
}

std::timespec Deadline::left_timespec() const {
  const auto rest = left();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
  return {static_cast<std::time_t>(seconds.count()), static_cast<long>((rest - seconds).count())};
}

}  // namespace ipc

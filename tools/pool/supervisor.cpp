#include "tools/pool/supervisor.hpp"

#include <algorithm>

namespace pool {

std::vector<WorkerId> Supervisor::resize(std::uint32_t count) {
  size_ = std::max<std::uint32_t>(count, 1);
  for (std::uint32_t slot = 1; slot <= size_; ++slot) slots_.try_emplace(slot);
  std::vector<WorkerId> surplus;
  for (const auto& [number, slot] : slots_)
    if (number > size_ && slot.state != State::waiting)
      surplus.push_back({number, slot.generation});
  return surplus;
}

std::vector<WorkerId> Supervisor::take_due(Time now) {
  std::vector<WorkerId> due;
  if (stopping_ || storm_) return due;
  for (auto& [number, slot] : slots_) {
    if (number > size_ || slot.state != State::waiting || slot.due > now) continue;
    slot.state = State::starting;
    slot.due = now + rules_.hello_time;
    due.push_back({number, ++slot.generation});
  }
  return due;
}

Time Supervisor::next_due() const {
  Time next = Time::max();
  for (const auto& [number, slot] : slots_) {
    const bool will_start =
        slot.state == State::waiting && number <= size_ && !stopping_ && !storm_;
    if (will_start || slot.state == State::starting) next = std::min(next, slot.due);
  }
  return next;
}

std::vector<WorkerId> Supervisor::take_silent(Time now) {
  std::vector<WorkerId> silent;
  for (auto& [number, slot] : slots_) {
    if (slot.state != State::starting || slot.due > now) continue;
    slot.state = State::silent;
    silent.push_back({number, slot.generation});
  }
  return silent;
}

bool Supervisor::hello(WorkerId worker) {
  const auto found = slots_.find(worker.slot);
  if (found == slots_.end() || found->second.generation != worker.generation ||
      found->second.state != State::starting)
    return false;
  found->second.state = State::running;
  found->second.early_deaths = 0;
  early_deaths_.clear();
  return true;
}

Clock::duration Supervisor::ended(WorkerId worker, Time now, const std::string& how,
                                  bool expected) {
  const auto found = slots_.find(worker.slot);
  if (found == slots_.end() || found->second.generation != worker.generation ||
      found->second.state == State::waiting)
    return {};
  Slot& slot = found->second;
  const bool was_running = slot.state == State::running;
  slot.state = State::waiting;
  slot.due = now;
  if (was_running || stopping_ || expected) return {};

  Clock::duration pause = rules_.first_pause;
  for (unsigned doubled = 0; doubled < slot.early_deaths && pause < rules_.longest_pause; ++doubled)
    pause *= 2;
  pause = std::min(pause, rules_.longest_pause);
  ++slot.early_deaths;
  slot.due = now + pause;

  std::erase_if(early_deaths_, [&](Time death) { return now - death > rules_.storm_time; });
  early_deaths_.push_back(now);
  if (early_deaths_.size() >= rules_.storm_deaths && !storm_)
    storm_ = std::to_string(early_deaths_.size()) +
             " workers in a row died before they said hello; the last one " + how;
  return pause;
}

bool Supervisor::is_current(WorkerId worker) const {
  const auto found = slots_.find(worker.slot);
  return found != slots_.end() && found->second.generation == worker.generation &&
         found->second.state != State::waiting;
}

}  // namespace pool

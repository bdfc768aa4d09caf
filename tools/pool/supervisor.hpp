// When workers are started, given up and started again.
//
// Each slot holds at most one worker at a time; each start is a new generation, whose names and
// messages no other has. A worker that dies after it said hello is replaced at once: it was
// healthy, and its tasks are waiting. One that dies before tells of a broken program or machine:
// its slot pauses, longer each time, and when `storm_deaths` of them have died with no hello in
// between, it is a storm: trying on would only burn the machine, and the reason should be read.
//
// Pure: starting, killing and the clock are the caller's (supervisor_launcher.hpp starts). One
// thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/pool/dispatch.hpp"

namespace pool {

class Supervisor {
 public:
  struct Rules {
    Clock::duration hello_time = std::chrono::seconds(5);
    Clock::duration first_pause = std::chrono::milliseconds(100);  ///< Doubled with each death …
    Clock::duration longest_pause = std::chrono::seconds(5);       ///< … up to this.
    unsigned storm_deaths = 10;
    Clock::duration storm_time = std::chrono::seconds(60);  ///< Older deaths are forgotten.
  };
  explicit Supervisor(const Rules& rules) : rules_(rules) {}
  void set_rules(const Rules& rules) { rules_ = rules; }

  /// There shall be slots 1 to `count`, at least one. Returns the workers of slots above, which the
  /// caller ends; they are not replaced.
  std::vector<WorkerId> resize(std::uint32_t count);
  std::uint32_t size() const { return size_; }
  /// No worker is started any more.
  void stop() { stopping_ = true; }

  /// The slots that want a worker now, each with the generation to start. They count as starting.
  std::vector<WorkerId> take_due(Time now);
  /// When take_due() or take_silent() has something next; Time::max() if nothing is foreseen.
  Time next_due() const;
  /// Workers that have not said hello within hello_time: the caller kills them. Told once each.
  std::vector<WorkerId> take_silent(Time now);

  /// A worker's hello. False if this life of it is not one that was started and has not said it
  /// yet.
  bool hello(WorkerId worker);
  /// A worker is dead, or could not be started; `how` for people. Returns how long its slot pauses.
  /// `expected`: it was ended on purpose, which tells nothing of its program or the machine.
  Clock::duration ended(WorkerId worker, Time now, const std::string& how, bool expected = false);

  bool is_current(WorkerId worker) const;
  /// Why it makes no sense to go on, once it makes none.
  const std::optional<std::string>& storm() const { return storm_; }

 private:
  enum class State { waiting, starting, silent, running };
  struct Slot {
    State state = State::waiting;
    std::uint32_t generation = 0;
    Time due{};  // waiting: when to start; starting: when hello is late
    unsigned early_deaths = 0;
  };
  Rules rules_;
  std::uint32_t size_ = 0;
  std::map<std::uint32_t, Slot> slots_;
  std::vector<Time> early_deaths_;  // since the last hello
  std::optional<std::string> storm_;
  bool stopping_ = false;
};

}  // namespace pool

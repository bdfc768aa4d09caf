// Which worker gets which task: strict round-robin over the workers that have credit.
//
// Credit is a worker's window less its tasks in flight, and only this object knows it; workers do
// not ask for work. With three idle workers task 1 goes to worker 1, 2 to 2, 3 to 3, 4 to 1; a
// worker whose window is full is passed over, so a slow one does not hold up the others.
//
// Tasks survive workers. When one dies its tasks go to others, and none is answered twice: an
// answer counts only if it comes from the worker that has the task now, for this attempt. But a
// task that kills whoever takes it must not kill for ever. A death *charges* a task if it was alone
// in its worker and the end shows guilt (a crash, or our kill for overrunning a task's limit; not
// somebody's kill -9). If several were in flight, each of them is a *suspect* and runs alone from
// then on, so that the next death tells. After `charges` charged deaths the task has failed as
// poison. An innocent death charges nothing, `attempts` are the cap.
//
// Pure: no clock, no system call; time is an argument. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/sys/deadline.hpp"

namespace pool {

using Clock = ipc::Deadline::Clock;
using Time = Clock::time_point;
using TaskId = std::uint64_t;  ///< From 1, in the order of add().

/// One life of one worker.
struct WorkerId {
  std::uint32_t slot = 0;        ///< From 1; round-robin goes in this order.
  std::uint32_t generation = 0;  ///< From 1.
  friend auto operator<=>(const WorkerId&, const WorkerId&) = default;
};

class Dispatch {
 public:
  struct Rules {
    Clock::duration task_time = std::chrono::seconds(120);  ///< From sent() to result().
    std::uint32_t charges = 3;
    std::uint32_t attempts = 50;
  };
  explicit Dispatch(const Rules& rules) : rules_(rules) {}
  void set_rules(const Rules& rules) { rules_ = rules; }

  // Workers.

  /// A worker takes up to `window` tasks at once, at least one. Its slot must be free.
  void join(WorkerId worker, std::uint64_t window);
  /// It gets no new task from now on.
  void retire(WorkerId worker);
  enum class Verdict { poison, attempts };
  struct Failed {
    TaskId task;
    Verdict verdict;
    std::string payload;
    std::uint32_t attempt;
  };
  /// The worker is dead. Its tasks wait for others again, before all new ones, but for those that
  /// are returned: these have failed and are gone.
  std::vector<Failed> leave(WorkerId worker, bool guilty);
  /// Workers that had a task for longer than task_time.
  std::vector<WorkerId> overdue(Time now) const;

  // Tasks.

  TaskId add(std::string payload);
  /// Whether a task that is added now could be handed out now.
  bool is_hungry() const;
  /// Nobody wants it any more. One in flight still uses its worker's credit until its answer comes,
  /// which is then `unwanted`.
  void cancel(TaskId task);

  struct Assignment {
    WorkerId worker;
    TaskId task;
    std::uint32_t attempt;
    const std::string& payload;  ///< Valid until the task is answered or failed.
  };
  /// The next task for the next worker; nothing if no task or no credit is left. It counts as in
  /// flight from now on.
  std::optional<Assignment> next();
  /// The same again for a task in flight, to send it later.
  std::optional<Assignment> assignment(TaskId task) const;
  /// The worker has it now: its time begins. A death before this does not count as an attempt.
  void sent(TaskId task, Time now);

  enum class Answer { accepted, unwanted, stale };
  /// A worker's answer. With `accepted` and `unwanted` the task is gone and the credit free.
  Answer result(WorkerId worker, TaskId task, std::uint32_t attempt);

  /// Whether a worker has this task now, for this attempt: what it says about it counts.
  bool has(WorkerId worker, TaskId task, std::uint32_t attempt) const;

  /// Takes all tasks that no worker has.
  std::vector<TaskId> take_waiting();
  /// Takes all tasks in flight: their answers will be stale.
  std::vector<TaskId> take_in_flight();

  // What is going on.

  std::size_t waiting() const { return tasks_.size() - in_flight_; }
  std::size_t in_flight() const { return in_flight_; }
  /// The tasks that the worker in this slot has, oldest first.
  std::vector<TaskId> in_flight(std::uint32_t slot) const;
  const std::string* payload(TaskId task) const;
  std::uint32_t attempt(TaskId task) const;
  bool is_idle(WorkerId worker) const;

 private:
  struct Task {
    std::string payload;
    std::uint32_t attempts = 0;  // that were sent
    std::uint32_t charges = 0;
    bool suspect = false;
    bool unwanted = false;
    std::optional<WorkerId> worker{};
    std::optional<Time> sent_at{};
  };
  struct Worker {
    std::uint32_t generation;
    std::uint64_t window;
    std::vector<TaskId> tasks{};
    bool retired = false;
    bool reserved = false;   // no new tasks until it is idle, and then a suspect
    bool exclusive = false;  // runs a suspect
    bool is_open() const { return !retired && !reserved && !exclusive && tasks.size() < window; }
  };
  using Workers = std::map<std::uint32_t, Worker>;

  Worker* find(WorkerId worker);
  const Worker* find(WorkerId worker) const;
  template <class Wanted>
  Workers::iterator next_worker(Wanted wanted);
  void skip_cancelled(std::deque<TaskId>& queue);
  void reserve_for_suspects();
  std::optional<Assignment> assign(Workers::iterator worker, std::deque<TaskId>& queue);
  void release(Worker& worker, TaskId task);
  std::vector<TaskId> take(bool assigned);

  Rules rules_;
  Workers workers_;
  std::uint32_t last_slot_ = 0;
  std::unordered_map<TaskId, Task> tasks_;  // waiting and in flight
  std::deque<TaskId> ready_, suspects_;     // may name tasks that were cancelled meanwhile
  TaskId last_task_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace pool

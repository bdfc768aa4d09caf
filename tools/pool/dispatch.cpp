#include "tools/pool/dispatch.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace pool {

Dispatch::Worker* Dispatch::find(WorkerId worker) {
  return const_cast<Worker*>(std::as_const(*this).find(worker));
}

const Dispatch::Worker* Dispatch::find(WorkerId worker) const {
  const auto found = workers_.find(worker.slot);
  return found != workers_.end() && found->second.generation == worker.generation ? &found->second
                                                                                  : nullptr;
}

void Dispatch::join(WorkerId worker, std::uint64_t window) {
  const auto [entry, is_new] = workers_.try_emplace(
      worker.slot, Worker{worker.generation, std::max<std::uint64_t>(window, 1)});
  if (!is_new) throw std::logic_error("slot " + std::to_string(worker.slot) + " is taken");
}

void Dispatch::retire(WorkerId worker) {
  if (Worker* found = find(worker)) found->retired = true;
}

std::vector<Dispatch::Failed> Dispatch::leave(WorkerId id, bool guilty) {
  std::vector<Failed> failed;
  Worker* worker = find(id);
  if (worker == nullptr) return failed;
  const auto begun = std::count_if(worker->tasks.begin(), worker->tasks.end(), [this](TaskId task) {
    return tasks_.at(task).sent_at.has_value();
  });

  // Backwards, so that pushed to the front they stand in their old order.
  for (auto at = worker->tasks.rbegin(); at != worker->tasks.rend(); ++at) {
    Task& task = tasks_.at(*at);
    --in_flight_;
    const bool was_sent = task.sent_at.has_value();
    task.worker.reset();
    task.sent_at.reset();
    if (task.unwanted) {
      tasks_.erase(*at);
      continue;
    }
    if (was_sent && guilty) {
      task.suspect = true;
      if (begun == 1) ++task.charges;
    }
    const bool poison = task.charges >= rules_.charges;
    if (poison || task.attempts >= rules_.attempts) {
      failed.push_back({*at, poison ? Verdict::poison : Verdict::attempts, std::move(task.payload),
                        task.attempts});
      tasks_.erase(*at);
      continue;
    }
    (task.suspect ? suspects_ : ready_).push_front(*at);
  }
  workers_.erase(id.slot);
  return failed;
}

std::vector<WorkerId> Dispatch::overdue(Time now) const {
  std::vector<WorkerId> late;
  for (const auto& [slot, worker] : workers_) {
    const bool is_late =
        std::any_of(worker.tasks.begin(), worker.tasks.end(), [&, this](TaskId id) {
          const Task& task = tasks_.at(id);
          return task.sent_at && now - *task.sent_at > rules_.task_time;
        });
    if (is_late) late.push_back({slot, worker.generation});
  }
  return late;
}

TaskId Dispatch::add(std::string payload) {
  tasks_.emplace(++last_task_, Task{std::move(payload)});
  ready_.push_back(last_task_);
  return last_task_;
}

bool Dispatch::is_hungry() const {
  const auto is_waiting = [this](TaskId task) { return tasks_.contains(task); };
  if (std::any_of(ready_.begin(), ready_.end(), is_waiting)) return false;
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& entry) { return entry.second.is_open(); });
}

void Dispatch::cancel(TaskId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  if (found->second.worker)
    found->second.unwanted = true;
  else
    tasks_.erase(found);  // its entry in a queue is skipped when its turn comes
}

/// The first worker after the last one used that is `wanted`, in the circle of slots.
template <class Wanted>
Dispatch::Workers::iterator Dispatch::next_worker(Wanted wanted) {
  auto at = workers_.upper_bound(last_slot_);
  for (std::size_t looked = 0; looked != workers_.size(); ++looked, ++at) {
    if (at == workers_.end()) at = workers_.begin();
    if (wanted(at->second)) return at;
  }
  return workers_.end();
}

void Dispatch::skip_cancelled(std::deque<TaskId>& queue) {
  while (!queue.empty() && !tasks_.contains(queue.front())) queue.pop_front();
}

/// Suspects wait for idle workers, and under load no worker is ever idle by itself.
void Dispatch::reserve_for_suspects() {
  auto wanted = std::count_if(suspects_.begin(), suspects_.end(),
                              [this](TaskId task) { return tasks_.contains(task); });
  for (auto& [slot, worker] : workers_) {
    if (worker.retired || worker.exclusive) continue;
    worker.reserved = wanted != 0;
    if (wanted != 0) --wanted;
  }
}

std::optional<Dispatch::Assignment> Dispatch::assign(Workers::iterator worker,
                                                     std::deque<TaskId>& queue) {
  const TaskId id = queue.front();
  queue.pop_front();
  Task& task = tasks_.at(id);
  task.worker = WorkerId{worker->first, worker->second.generation};
  worker->second.tasks.push_back(id);
  ++in_flight_;
  last_slot_ = worker->first;
  return assignment(id);
}

std::optional<Dispatch::Assignment> Dispatch::next() {
  skip_cancelled(suspects_);
  if (!suspects_.empty()) {
    const auto worker = next_worker(
        [](const Worker& each) { return !each.retired && !each.exclusive && each.tasks.empty(); });
    if (worker != workers_.end()) {
      worker->second.reserved = false;
      worker->second.exclusive = true;
      return assign(worker, suspects_);
    }
  }
  reserve_for_suspects();
  skip_cancelled(ready_);
  if (ready_.empty()) return {};
  const auto worker = next_worker([](const Worker& each) { return each.is_open(); });
  if (worker == workers_.end()) return {};
  return assign(worker, ready_);
}

std::optional<Dispatch::Assignment> Dispatch::assignment(TaskId id) const {
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || !found->second.worker) return {};
  const Task& task = found->second;
  return Assignment{*task.worker, id, task.attempts + (task.sent_at ? 0 : 1), task.payload};
}

void Dispatch::sent(TaskId id, Time now) {
  Task& task = tasks_.at(id);
  if (!task.sent_at) ++task.attempts;
  task.sent_at = now;
}

void Dispatch::release(Worker& worker, TaskId task) {
  std::erase(worker.tasks, task);
  worker.exclusive = false;
  tasks_.erase(task);
  --in_flight_;
}

bool Dispatch::has(WorkerId worker, TaskId id, std::uint32_t attempt) const {
  const auto found = tasks_.find(id);
  if (find(worker) == nullptr || found == tasks_.end()) return false;
  const Task& task = found->second;
  return task.worker == worker && task.sent_at && task.attempts == attempt;
}

Dispatch::Answer Dispatch::result(WorkerId id, TaskId task, std::uint32_t attempt) {
  if (!has(id, task, attempt)) return Answer::stale;
  const bool unwanted = tasks_.at(task).unwanted;
  release(*find(id), task);
  return unwanted ? Answer::unwanted : Answer::accepted;
}

std::vector<TaskId> Dispatch::take(bool assigned) {
  std::vector<TaskId> taken;
  for (const auto& [id, task] : tasks_)
    if (task.worker.has_value() == assigned) taken.push_back(id);
  std::sort(taken.begin(), taken.end());
  for (const TaskId id : taken) {
    const auto worker = tasks_.at(id).worker;
    if (worker)
      release(*find(*worker), id);
    else
      tasks_.erase(id);
  }
  return taken;
}

std::vector<TaskId> Dispatch::take_waiting() {
  ready_.clear();
  suspects_.clear();
  return take(false);
}

std::vector<TaskId> Dispatch::take_in_flight() {
  return take(true);
}

std::vector<TaskId> Dispatch::in_flight(std::uint32_t slot) const {
  const auto found = workers_.find(slot);
  return found == workers_.end() ? std::vector<TaskId>{} : found->second.tasks;
}

const std::string* Dispatch::payload(TaskId task) const {
  const auto found = tasks_.find(task);
  return found == tasks_.end() ? nullptr : &found->second.payload;
}

std::uint32_t Dispatch::attempt(TaskId task) const {
  const auto found = tasks_.find(task);
  return found == tasks_.end() ? 0 : found->second.attempts;
}

bool Dispatch::is_idle(WorkerId worker) const {
  const Worker* found = find(worker);
  return found == nullptr || found->tasks.empty();
}

}  // namespace pool

#include "tools/pool_tool/master.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "ipc/sys/name.hpp"
#include "tools/cli/exit.hpp"
#include "tools/pool_tool/protocol.hpp"

namespace pool_tool {
using pool::Clock;
using pool::Dispatch;
using pool::TaskId;
using pool::WorkerId;

namespace {

constexpr std::size_t kShort = 4096;  // fits into every channel that is empty
constexpr std::chrono::milliseconds kFirstPatience{20}, kMostPatience{30'000};

std::string runs_directory() {
  return ipc::sys::resolve("pool.runs").full();
}

// What runs that were killed have left.
std::string swept(const std::string& runs) {
  std::vector<std::string> problems;
  (void)pool::sweep_runs(runs, problems);
  for (const std::string& problem : problems) tools::complain("pool", problem);
  return runs;
}

// A worker watches its command's time itself; the master has no limit of its own.
Dispatch::Rules dispatch_rules() {
  Dispatch::Rules rules;
  rules.task_time = Clock::duration::max();
  return rules;
}

}  // namespace

Master::Master(boost::asio::any_io_executor executor, const Options& options,
               std::string worker_program)
    : executor_(std::move(executor)),
      options_(options),
      worker_program_(std::move(worker_program)),
      kind_(*options.kind),
      run_(pool::random_run()),
      directory_(swept(runs_directory()), pool::to_text(run_), kind_),
      inbox_(kind_.fit(options.jobs + 1)),  // the master's own among them
      dispatch_(dispatch_rules()),
      crew_(executor_, *this, kind_, run_,
            [this](const std::string& name) { return directory_.address(name); }, inbox_, {}),
      tasks_(executor_, STDIN_FILENO, options.separator, [this] { pump(); }),
      results_(executor_, STDOUT_FILENO, options.format, options.ordered, [this] { pump(); }),
      outboxes_(executor_, [this](TaskId task) { return send(task); }) {}

void Master::start() {
  crew_.start(options_.jobs);
}

void Master::stop() {
  if (std::exchange(stopping_, true)) return;
  tasks_.stop();
  crew_.end();
}

pool::Command Master::command(const pool::WorkerPlace& place) {
  return {.program = worker_program_,
          .arguments = worker_arguments({place, options_.time_limit, options_.command})};
}

std::optional<pool::Introduction> Master::introduce(const pool::Envelope& hello,
                                                    std::string& problem) {
  const auto pid = read_pid(hello.about);
  if (!pid) {
    problem = "without a pid";
    return {};
  }
  pool::Introduction introduction;
  introduction.pid = *pid;
  return introduction;
}

void Master::joined(WorkerId worker, const pool::Introduction& introduction) {
  dispatch_.join(worker, introduction.window);
  pump();
}

void Master::heard(WorkerId worker) {
  outboxes_.flush(worker);
}

void Master::left(WorkerId worker, bool guilty) {
  if (!stopping_) ++totals_.deaths;
  outboxes_.remove(worker);
  for (const TaskId task : dispatch_.in_flight(worker.slot)) patience_.erase(task);
  for (const Dispatch::Failed& failed : dispatch_.leave(worker, guilty)) {
    const bool poison = failed.verdict == Dispatch::Verdict::poison;
    fail(failed.task, poison ? "poison: each worker that tried it crashed, " +
                                   std::to_string(failed.attempt) + " of them"
                             : "too many workers died while they had it, " +
                                   std::to_string(failed.attempt) + " of them");
  }
  pump();
}

void Master::storm(const std::string& reason) {
  if (failure_.empty()) failure_ = reason;
  stop();
}

void Master::ended() {
  outboxes_.stop();
  if (on_ended) on_ended();
}

void Master::result(WorkerId worker, const pool::Envelope& envelope) {
  const auto problem = read_problem(envelope.about);
  if (!problem) {
    // No result of ours, and nobody else would answer the task.
    if (dispatch_.has(worker, envelope.task, envelope.attempt))
      crew_.kill(worker, true, "answers a task with nonsense");
    return;
  }
  const auto answer = dispatch_.result(worker, envelope.task, envelope.attempt);
  if (answer != Dispatch::Answer::accepted) return;
  if (problem->empty()) {
    ++totals_.done;
    results_.done(envelope.task, pool::as_text(envelope.body));
  } else {
    fail(envelope.task, *problem);
  }
  pump();
}

void Master::fail(TaskId task, const std::string& sentence) {
  ++totals_.failed;
  if (!options_.quiet)
    tools::complain("pool", "task " + std::to_string(task) + " has failed: " + sentence);
  results_.failed(task);
}

void Master::pump() {
  if (stopping_) return;
  if (results_.is_closed()) return stop();
  take_tasks();
  const bool is_idle = dispatch_.waiting() == 0 && dispatch_.in_flight() == 0;
  if (is_idle && tasks_.is_at_end() && results_.is_written()) stop();
}

void Master::take_tasks() {
  for (;;) {
    while (const auto assignment = dispatch_.next())
      outboxes_.put(assignment->worker, assignment->task);
    if (results_.is_full() || !dispatch_.is_hungry()) return;
    auto task = tasks_.next();
    if (!task) return tasks_.want_more();
    const std::size_t most = max_body(ipc::kMaxMessage);
    const bool fits = task->size() <= most;
    const TaskId id = dispatch_.add(fits ? std::move(*task) : "");
    if (fits) continue;
    dispatch_.cancel(id);
    fail(id, "it is longer than the " + std::to_string(most) + " bytes that a message takes");
  }
}

/// False if there is no room; then it is tried again, with more patience.
bool Master::send(TaskId task) {
  const auto assignment = dispatch_.assignment(task);
  if (!assignment) return true;  // taken away meanwhile
  const auto patience = patience_.find(task);
  const auto deadline = patience == patience_.end() ? ipc::Deadline::at_once()
                                                    : ipc::Deadline::after(patience->second);
  if (crew_.send(*assignment, deadline) == ipc::Status::ok) {
    dispatch_.sent(task, Clock::now());
    patience_.erase(task);
    return true;
  }
  // `closed` waits as well: the worker is dead, and its end, when told, takes the task back. A long
  // task passes through a short channel only while its worker reads, which an idle one does at once.
  if (assignment->payload.size() > kShort) {
    auto& more = patience_[task];
    more = std::clamp(2 * more, kFirstPatience, kMostPatience);
  }
  return false;
}

}  // namespace pool_tool

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
using boost::system::error_code;
using pool::Clock;
using pool::Dispatch;
using pool::TaskId;
using pool::WorkerId;

namespace {

constexpr std::chrono::milliseconds kRetry{10};
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
      retry_timer_(executor_) {}

void Master::start() {
  crew_.start(options_.jobs);
}

void Master::stop() {
  if (std::exchange(stopping_, true)) return;
  tasks_.stop();
  crew_.end();
}

pool::Command Master::command(WorkerId worker, const pool::Channel& channel) {
  WorkerOptions options;
  options.transport = kind_.name;
  options.run = run_;
  options.slot = worker.slot;
  options.generation = worker.generation;
  options.inbox = channel.inbox;
  options.inbox_fd = channel.inbox_fd;
  options.capacity = inbox_.capacity;
  options.master_fd = channel.master_fd;
  if (!channel.master_fd) options.master = channel.master;
  options.lifeline_fd = channel.lifeline_fd;
  options.time_limit = options_.time_limit;
  options.command = options_.command;
  return {.program = worker_program_, .arguments = worker_arguments(options)};
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

void Master::heard(WorkerId) {
  send_unsent();
}

void Master::left(WorkerId worker, bool guilty) {
  if (!stopping_) ++totals_.deaths;
  for (const TaskId task : dispatch_.in_flight(worker.slot)) unsent_.erase(task);
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
  retry_timer_.cancel();
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
      if (std::chrono::milliseconds patience{0}; !send(assignment->task, patience))
        unsent_.emplace(assignment->task, patience);
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

/// False if there is no room; then it should be tried again, with more patience.
bool Master::send(TaskId task, std::chrono::milliseconds& patience) {
  const auto assignment = dispatch_.assignment(task);
  if (!assignment) return true;  // taken away meanwhile
  pool::Envelope envelope;
  envelope.type = pool::Type::task;
  envelope.run = run_;
  envelope.slot = assignment->worker.slot;
  envelope.generation = assignment->worker.generation;
  envelope.task = task;
  envelope.attempt = assignment->attempt;
  envelope.body = pool::as_bytes(assignment->payload);
  const auto deadline = patience == std::chrono::milliseconds(0) ? ipc::Deadline::at_once()
                                                                 : ipc::Deadline::after(patience);
  if (crew_.send(assignment->worker, pool::encode(envelope), deadline) == ipc::Status::ok) {
    dispatch_.sent(task, Clock::now());
    return true;
  }
  // `closed` waits as well: the worker is dead, and its end, when told, takes the task back. A long
  // task passes through a short channel only while its worker reads, which an idle one does at once.
  if (assignment->payload.size() > kShort)
    patience = std::clamp(2 * patience, kFirstPatience, kMostPatience);
  arm_retry();
  return false;
}

void Master::arm_retry() {
  if (std::exchange(retry_armed_, true)) return;
  retry_timer_.expires_after(kRetry);
  retry_timer_.async_wait([this](error_code error) {
    if (error) return;
    retry_armed_ = false;
    send_unsent();
  });
}

void Master::send_unsent() {
  for (auto at = unsent_.begin(); at != unsent_.end();)
    at = send(at->first, at->second) ? unsent_.erase(at) : std::next(at);
}

}  // namespace pool_tool

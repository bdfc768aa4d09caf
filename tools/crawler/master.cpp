#include "tools/crawler/master.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "tools/crawler/master_rules.hpp"
#include "tools/crawler/worker_options.hpp"

namespace crawler {
using boost::system::error_code;
using pool::Clock;
using pool::Dispatch;
using pool::TaskId;
using pool::WorkerId;

namespace {

constexpr std::chrono::seconds overdue_pause{1};
constexpr std::size_t recent_urls = 8;

Outcome without_page(std::string url, Fate fate, std::string_view error, std::string detail) {
  Outcome outcome;
  outcome.url = std::move(url);
  outcome.page.status = fate;
  outcome.page.error = error;
  outcome.page.detail = std::move(detail);
  return outcome;
}

Outcome stopped(std::string url) {
  return without_page(std::move(url), Fate::pending, word::stopped,
                      "the daemon stopped before this was done");
}

/// For the log and the status: a URL may be long, and holds what its author likes.
std::string shown(std::string_view url) {
  std::string text(url.substr(0, 200));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  return url.size() > text.size() ? text + "..." : text;
}

}  // namespace

Master::Master(boost::asio::any_io_executor executor, const Config& config,
               std::string worker_program)
    : executor_(std::move(executor)),
      config_(config),
      worker_program_(std::move(worker_program)),
      kind_(kind_of(config)),
      run_(pool::random_run()),
      directory_(config.run_directory, pool::to_text(run_), kind_),
      inbox_(kind_.fit(inboxes(config))),
      dispatch_(dispatch_rules(config)),
      crew_(
          executor_, *this, kind_, run_,
          [this](const std::string& name) { return directory_.address(name); }, inbox_,
          crew_rules(config)),
      outboxes_(executor_, [this](TaskId task) { return send(task); }),
      overdue_timer_(executor_),
      grace_timer_(executor_) {}

Master::~Master() = default;

void Master::start() {
  crew_.start(static_cast<std::uint32_t>(config_.workers));
  arm_overdue();
}

// Workers come and go.

pool::Command Master::command(const pool::WorkerPlace& place) {
  return {worker_program_, worker_arguments({place, config_.limits}), {}};
}

std::optional<pool::Introduction> Master::introduce(const pool::Envelope& envelope,
                                                    std::string& problem) {
  auto hello = read_hello(envelope.about);
  if (!hello) {
    problem = std::move(hello.problem);
    return {};
  }
  return pool::Introduction{std::move(hello.value->inbox), hello.value->slots, hello.value->pid};
}

void Master::joined(WorkerId worker, const pool::Introduction& introduction) {
  dispatch_.join(worker, introduction.window);
  pump();
}

void Master::left(WorkerId worker, bool guilty) {
  outboxes_.remove(worker);
  std::erase(retired_, worker);
  ++records_[worker.slot].deaths;
  for (Dispatch::Failed& failed : dispatch_.leave(worker, guilty)) {
    const bool poison = failed.verdict == Dispatch::Verdict::poison;
    spdlog::error("task {} has failed: {} workers died over it: {}", failed.task, failed.attempt,
                  shown(failed.payload));
    Outcome outcome = without_page(std::move(failed.payload), Fate::failed,
                                   poison ? word::poison : word::attempts,
                                   poison ? "each worker that tried it crashed or hung"
                                          : "too many workers died while they had it");
    outcome.worker = worker.slot;
    outcome.attempt = failed.attempt;
    finish(failed.task, std::move(outcome));
  }
  if (stopping_) give_pending(dispatch_.take_waiting());
  pump();
}

void Master::storm(const std::string& reason) {
  if (!failure_.empty()) return;
  failure_ = reason;
  spdlog::critical("giving up: {}", reason);
  stop(true);
}

void Master::reconfigure(const Config& config) {
  // Those that there are already have taken their share.
  if (config.workers > config_.workers) (void)kind_.fit(config.workers - config_.workers, inbox_);
  const bool same_limits = limit_arguments(config.limits) == limit_arguments(config_.limits);
  config_ = config;
  dispatch_.set_rules(dispatch_rules(config));
  crew_.set_rules(crew_rules(config));
  if (!same_limits)
    for (const auto& worker : crew_.report()) {
      if (!worker.is_child) continue;
      dispatch_.retire(worker.id);
      retired_.push_back(worker.id);
    }
  crew_.start(static_cast<std::uint32_t>(config_.workers));
  replace_idle();
  pump();
}

void Master::replace_idle() {
  std::erase_if(retired_, [this](WorkerId worker) {
    if (!dispatch_.is_idle(worker)) return false;
    crew_.dismiss(worker);
    return true;
  });
}

// URLs come, go to workers, and come back as pages.

bool Master::submit(std::shared_ptr<Request> request) {
  if (stopping_) return false;
  queue_.add(std::move(request));
  pump();
  return true;
}

void Master::abandon(const Request& request) {
  queue_.remove(request);
  std::erase_if(origins_, [&](const auto& entry) {
    if (entry.second.request.get() != &request) return false;
    dispatch_.cancel(entry.first);
    return true;
  });
  pump();
}

void Master::pump() {
  for (;;) {
    while (const auto assigned = dispatch_.next()) outboxes_.put(assigned->worker, assigned->task);
    if (stopping_ || !dispatch_.is_hungry()) break;
    auto item = queue_.take(config_.max_unsent);
    if (!item) break;
    if (auto problem = url_problem(item->url, config_.limits.url_length); !problem.empty()) {
      give(*item->request, without_page(std::move(item->url), Fate::failed, word::bad_url,
                                        "the URL " + std::move(problem)));
      continue;
    }
    const TaskId task = dispatch_.add(item->url);
    origins_.emplace(task, Origin{std::move(item->request), std::move(item->url)});
  }
  if (stopping_ && dispatch_.in_flight() == 0) end_tasks();
}

/// False if there is no room.
bool Master::send(TaskId task) {
  const auto assignment = dispatch_.assignment(task);
  if (!assignment) return true;  // taken away while it waited here
  // `closed` waits as well: the worker is dead, and its end, when told, takes the task back.
  if (crew_.send(*assignment) != ipc::Status::ok) return false;
  dispatch_.sent(task, Clock::now());
  const auto slot = assignment->worker.slot;
  spdlog::info("task {} -> w{}: {}", task, slot, shown(assignment->payload));
  auto& recent = records_[slot].recent;
  recent.push_back(shown(assignment->payload));
  if (recent.size() > recent_urls) recent.pop_front();
  return true;
}

void Master::arm_overdue() {
  overdue_timer_.expires_after(overdue_pause);
  overdue_timer_.async_wait([this](error_code error) {
    if (error) return;
    for (const WorkerId worker : dispatch_.overdue(Clock::now()))
      crew_.kill(worker, true, "hangs: a task has overrun its time");
    arm_overdue();
  });
}

void Master::heard(WorkerId worker) {
  outboxes_.flush(worker);
}

void Master::result(WorkerId worker, const pool::Envelope& envelope) {
  auto page = read_page(envelope.about, envelope.body);
  if (!page) {
    spdlog::warn("a bad result of w{} for task {} is dropped: {}", worker.slot, envelope.task,
                 page.problem);
    // It will not answer better, and what else it says is no better either.
    if (dispatch_.has(worker, envelope.task, envelope.attempt))
      crew_.kill(worker, true, "answers a task with nonsense");
    return;
  }
  const auto answer = dispatch_.result(worker, envelope.task, envelope.attempt);
  if (answer == Dispatch::Answer::stale) {
    spdlog::debug("a late result of w{} for task {} is ignored", worker.slot, envelope.task);
    return;
  }
  spdlog::debug("task {} <- w{}: {} {}, {} bytes of text, {} ms", envelope.task, worker.slot,
                to_string(page.value->status), page.value->error, page.value->text.size(),
                page.value->milliseconds);
  ++records_[worker.slot].done;
  const auto origin = origins_.find(envelope.task);
  if (answer == Dispatch::Answer::accepted && origin != origins_.end())
    finish(envelope.task, Outcome{std::move(origin->second.url), std::move(*page.value),
                                  worker.slot, envelope.attempt});
  replace_idle();
  pump();
}

void Master::finish(TaskId task, Outcome outcome) {
  const auto origin = origins_.find(task);
  if (origin == origins_.end()) return;
  const auto request = std::move(origin->second.request);
  origins_.erase(origin);
  give(*request, outcome);
}

void Master::give(Request& request, const Outcome& outcome) {
  totals_.count(outcome.page.status);
  request.finish(outcome);
}

// The end.

void Master::give_pending(const std::vector<TaskId>& tasks) {
  for (const TaskId task : tasks)
    if (const auto origin = origins_.find(task); origin != origins_.end())
      finish(task, stopped(std::move(origin->second.url)));
}

void Master::stop(bool fast) {
  if (!stopping_) {
    stopping_ = true;
    while (auto item = queue_.take_any()) give(*item->request, stopped(std::move(item->url)));
    give_pending(dispatch_.take_waiting());
    grace_timer_.expires_after(config_.grace);
    grace_timer_.async_wait([this](error_code error) {
      if (!error) end_tasks();
    });
  }
  if (fast || dispatch_.in_flight() == 0) end_tasks();
}

void Master::end_tasks() {
  if (answered_) return;
  answered_ = true;
  grace_timer_.cancel();
  give_pending(dispatch_.take_in_flight());
  give_pending(dispatch_.take_waiting());
  crew_.end();
  if (on_answered) on_answered();
}

void Master::ended() {
  outboxes_.stop();
  overdue_timer_.cancel();
  if (on_ended) on_ended();
}

}  // namespace crawler

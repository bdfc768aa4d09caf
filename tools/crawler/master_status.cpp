#include <unistd.h>

#include <boost/json/array.hpp>

#include "tools/crawler/master.hpp"

namespace crawler {
namespace json = boost::json;

namespace {

/// A worker that is ready has pages to work on, or has none.
std::string_view state_of(const pool::WorkerReport& report, bool has_tasks) {
  switch (report.state) {
    case pool::WorkerReport::State::starting:
      return "starting";
    case pool::WorkerReport::State::ready:
      return has_tasks ? "working" : "idle";
    case pool::WorkerReport::State::ending:
      return "ending";
  }
  return "?";
}

}  // namespace

json::object Master::status() const {
  json::array workers;
  for (const pool::WorkerReport& report : crew_.report()) {
    json::array tasks, recent;
    for (const pool::TaskId task : dispatch_.in_flight(report.id.slot))
      if (const auto* url = dispatch_.payload(task))
        tasks.push_back({{"task", task}, {"attempt", dispatch_.attempt(task)}, {"url", *url}});
    const auto found = records_.find(report.id.slot);
    const Record record = found == records_.end() ? Record{} : found->second;
    for (const std::string& url : record.recent) recent.emplace_back(url);
    workers.push_back({{"slot", report.id.slot},
                       {"generation", report.id.generation},
                       {"pid", report.pid},
                       {"state", state_of(report, !tasks.empty())},
                       {"joined_by_hand", !report.is_child},
                       {"done", record.done},
                       {"deaths", record.deaths},
                       {"tasks", std::move(tasks)},
                       {"recent", std::move(recent)}});
  }
  const auto uptime = std::chrono::duration<double>(pool::Clock::now() - started_).count();
  return {{"pid", ::getpid()},
          {"state", stopping_ ? "stopping" : "running"},
          {"uptime", static_cast<std::int64_t>(uptime)},
          {"transport", kind_.name},
          {"run", pool::to_text(run_)},
          {"inbox", crew_.inbox_address()},
          {"downloaded", totals_.downloaded},
          {"failed", totals_.failed},
          {"pending", totals_.pending},
          {"in_flight", dispatch_.in_flight()},
          {"waiting", queue_.size() + dispatch_.waiting()},
          {"bad_messages", crew_.bad_messages()},
          {"workers", std::move(workers)}};
}

}  // namespace crawler

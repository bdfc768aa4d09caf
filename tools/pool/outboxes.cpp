#include "tools/pool/outboxes.hpp"

#include <utility>
#include <vector>

namespace pool {

namespace {
constexpr std::chrono::milliseconds retry_pause{10};
}  // namespace

Outboxes::Outboxes(const boost::asio::any_io_executor& executor, std::function<bool(TaskId)> send)
    : send_(std::move(send)), retry_timer_(executor) {}

void Outboxes::put(WorkerId worker, TaskId task) {
  auto& outbox = waiting_[worker];
  outbox.push_back(task);
  if (outbox.size() == 1) flush(worker);  // else those before it have found no room
}

void Outboxes::flush(WorkerId worker) {
  const auto found = waiting_.find(worker);
  if (found == waiting_.end()) return;
  auto& outbox = found->second;
  while (!outbox.empty()) {
    if (!send_(outbox.front())) return arm();
    outbox.pop_front();
  }
  waiting_.erase(found);
}

void Outboxes::remove(WorkerId worker) {
  waiting_.erase(worker);
}

void Outboxes::arm() {
  if (armed_) return;
  armed_ = true;
  retry_timer_.expires_after(retry_pause);
  retry_timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    armed_ = false;
    std::vector<WorkerId> workers;
    for (const auto& [worker, outbox] : waiting_) workers.push_back(worker);
    for (const WorkerId worker : workers) flush(worker);
  });
}

}  // namespace pool

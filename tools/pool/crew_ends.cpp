// How workers end: noticed to be dead, found to hang, dismissed, killed, or all of them with the crew.
#include <signal.h>

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "tools/pool/crew.hpp"

namespace pool {
namespace asio = boost::asio;
using boost::system::error_code;

void Crew::ping_all() {
  const Time now = Clock::now();
  // Whoever stops us (Ctrl-Z) stops our hearing too: that time is not the workers' silence.
  const Clock::duration late =
      std::max(now - std::exchange(looked_, now) - rules_.ping, Clock::duration::zero());
  std::vector<WorkerId> lost;
  for (const auto& [slot, member] : members_) {
    member->heard = std::min(now, member->heard + late);
    if (!member->is_connected() || member->killed) continue;
    if (member->is_child() && now - member->heard > rules_.silence) {
      kill(member->id(), true, "hangs: has not sent anything for too long");
    } else if (member->unanswered >= rules_.unanswered_pings) {
      // More pings would only fill the inbox of one that is busy or stopped.
      if (!member->is_child()) lost.push_back(member->id());
      if (member->dismissed) kill(member->id(), false, "does not end");
    } else {
      post(*member, member->dismissed ? Type::stop : Type::ping);
      ++member->unanswered;
    }
  }
  for (const WorkerId id : lost) stranger_left(id, "does not answer");
  ping_timer_.expires_after(rules_.ping);
  ping_timer_.async_wait([this](error_code error) {
    if (!error) ping_all();
  });
}

void Crew::dismiss(WorkerId worker) {
  CrewMember* member = find(worker);
  if (member == nullptr) return;
  member->dismissed = true;
  if (member->is_connected())
    post(*member, Type::stop);
  else
    kill(worker, false, "is not needed any more");
}

void Crew::kill(WorkerId worker, bool guilty, const std::string& why) {
  CrewMember* member = find(worker);
  if (member == nullptr || member->killed) return;
  if (!member->is_child()) {
    if (member->is_connected())
      asio::post(executor_, [this, worker, why] { stranger_left(worker, why); });
    return;
  }
  spdlog::warn("worker {} (pid {}) {}: killed ({})", to_text(worker), member->pid(), why,
               member->child().describe());
  member->kill(guilty);
}

bool Crew::is_guilty(const CrewMember& member, const Exit& exit) {
  const auto kills = oom_kills();
  const bool memory_was_short = kills && oom_kills_ && *kills > *oom_kills_;
  oom_kills_ = kills;
  if (member.killed) return member.guilty;
  if (exit.by_signal && exit.number == SIGKILL) {
    if (memory_was_short) spdlog::warn("the kernel has killed a process for lack of memory");
    return memory_was_short;
  }
  return exit.is_failure();
}

void Crew::child_ended(WorkerId id) {
  CrewMember* member = find(id);
  if (member == nullptr) return;
  const auto exit = member->reap();
  if (!exit) return watch(*member);
  // Before its tasks go to others, or a page that it did finish would be downloaded twice.
  inbox_.hear_the_last_of(member->peer);
  const bool guilty = is_guilty(*member, *exit);
  const bool expected = ending_ || member->dismissed;
  const auto pause = supervisor_.ended(id, Clock::now(), exit->text, expected);
  remove_inbox(*member);
  spdlog::log(expected ? spdlog::level::debug : spdlog::level::warn, "worker {} (pid {}) {}",
              to_text(id), member->pid(), exit->text);
  if (pause != Clock::duration::zero())
    spdlog::warn("it had not said hello: w{} is started again in {} ms", id.slot,
                 std::chrono::duration_cast<std::chrono::milliseconds>(pause).count());
  members_.erase(id.slot);
  owner_.left(id, guilty);
  start_due();
  if (ending_ && !has_children()) tell_end();
}

void Crew::tell_end() {
  if (!std::exchange(end_told_, true)) owner_.ended();
}

void Crew::stranger_left(WorkerId id, const std::string& why) {
  if (find(id) == nullptr) return;
  spdlog::warn("worker {}, which joined by hand, has left: {}", to_text(id), why);
  members_.erase(id.slot);
  owner_.left(id, false);
}

/// A killed worker leaves its inbox; no later one has the same name.
void Crew::remove_inbox(const CrewMember& member) {
  if (member.inbox().empty()) return;
  try {
    kind_.remove(member.inbox());
  } catch (const ipc::Error& error) {
    spdlog::warn("the inbox of worker {} stays: {}", member.name(), error.what());
  }
}

bool Crew::has_children() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const auto& entry) { return entry.second->is_child(); });
}

void Crew::end() {
  if (ending_) return;
  ending_ = true;
  supervisor_.stop();
  for (const auto& [slot, member] : members_) post(*member, Type::stop);
  // Tells those whose inbox is full, and those who have not got as far as to listen.
  lifeline_.writer.reset();
  if (!has_children()) {
    asio::post(executor_, [this] { tell_end(); });
    return;
  }
  farewell_timer_.expires_after(rules_.farewell);
  farewell_timer_.async_wait([this](error_code error) {
    if (error) return;
    for (const auto& [slot, member] : members_)
      if (member->is_child()) kill(member->id(), false, "does not end");
  });
}

}  // namespace pool

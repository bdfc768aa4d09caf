#include "tools/pool/crew.hpp"

#include <signal.h>

#include <exception>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

namespace pool {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Slots of workers that nobody here started; Supervisor's own stay below.
constexpr std::uint32_t first_stranger = 10'001;

}  // namespace

Crew::Crew(asio::any_io_executor executor, Owner& owner, const ipc::Kind& kind, RunId run,
           std::function<std::string(const std::string&)> address, const ipc::Options& inbox,
           const Rules& rules)
    : executor_(std::move(executor)),
      owner_(owner),
      kind_(kind),
      run_(run),
      address_(std::move(address)),
      capacity_(inbox.capacity),
      rules_(rules),
      supervisor_(rules.supervisor),
      inbox_(executor_, kind, kind.traits.named ? address_("master") : "", inbox, run,
             [this](const Envelope& envelope, const ipc::Peer& peer) { handle(envelope, peer); }),
      lifeline_(make_pipe()),
      due_timer_(executor_),
      ping_timer_(executor_),
      farewell_timer_(executor_),
      oom_kills_(oom_kills()) {}

Crew::~Crew() {
  for (const auto& [slot, member] : members_)
    if (member->is_child()) member->child().signal(SIGKILL);
}

CrewMember* Crew::find(WorkerId worker) {
  const auto found = members_.find(worker.slot);
  return found != members_.end() && found->second->id() == worker ? found->second.get() : nullptr;
}

void Crew::start(std::uint32_t workers) {
  const bool first = supervisor_.size() == 0;
  for (const WorkerId surplus : supervisor_.resize(workers)) dismiss(surplus);
  if (first) {
    inbox_.start();
    ping_all();
  }
  start_due();
}

void Crew::set_rules(const Rules& rules) {
  rules_ = rules;
  supervisor_.set_rules(rules.supervisor);
  arm();
}

void Crew::arm() {
  const Time due = supervisor_.next_due();
  if (due == Time::max()) {
    due_timer_.cancel();
    return;
  }
  due_timer_.expires_at(due);
  due_timer_.async_wait([this](error_code error) {
    if (!error) start_due();
  });
}

void Crew::start_due() {
  const Time now = Clock::now();
  for (const WorkerId silent : supervisor_.take_silent(now))
    kill(silent, false, "has not said hello in time");
  for (const WorkerId due : supervisor_.take_due(now)) start_worker(due);
  arm();
  if (supervisor_.storm()) owner_.storm(*supervisor_.storm());
}

void Crew::start_worker(WorkerId id) {
  auto member = std::make_unique<CrewMember>(id, kind_.traits.named ? address_(to_text(id)) : "");
  try {
    WorkerPlace place;
    place.transport = kind_.name;
    place.run = run_;
    place.capacity = capacity_;
    place.master = inbox_.address();
    member->launch(kind_, std::move(place), lifeline_.reader.get(),
                   [this](const WorkerPlace& whole) { return owner_.command(whole); });
    watch(*member);
  } catch (const std::exception& error) {
    if (member->is_child()) {  // it runs, but its end could not be seen
      member->end_now();
      remove_inbox(*member);
    }
    spdlog::error("worker {} could not be started: {}", member->name(), error.what());
    supervisor_.ended(id, Clock::now(), std::string("could not be started: ") + error.what());
    return;
  }
  spdlog::debug("worker {} started, pid {}", member->name(), member->pid());
  members_[id.slot] = std::move(member);
}

void Crew::watch(CrewMember& member) {
  member.watch(executor_, [this, id = member.id()] { child_ended(id); });
}

void Crew::handle(const Envelope& envelope, const ipc::Peer& peer) {
  if (envelope.type == Type::hello) return handle_hello(envelope, peer);
  const WorkerId id{envelope.slot, envelope.generation};
  if (envelope.type != Type::result && envelope.type != Type::pong)
    return inbox_.drop("a worker does not send a " + std::string(to_string(envelope.type)));
  CrewMember* member = find(id);
  if (member == nullptr || !member->is_connected()) {
    spdlog::debug("a {} of worker {}, which is not here, is ignored", to_string(envelope.type),
                  to_text(id));
    return;
  }
  member->is_heard();
  if (envelope.type == Type::result) owner_.result(id, envelope);
  owner_.heard(id);
}

void Crew::handle_hello(const Envelope& envelope, const ipc::Peer& peer) {
  std::string problem;
  const auto introduction = owner_.introduce(envelope, problem);
  if (!introduction) return inbox_.drop("a hello: " + problem);
  if (ending_) return;
  if (envelope.slot == 0) {
    CrewMember* stranger = join_stranger(*introduction);
    if (stranger != nullptr) stranger->peer = peer.id;
    return;
  }
  const WorkerId id{envelope.slot, envelope.generation};
  CrewMember* member = find(id);
  if (member == nullptr || member->killed || !supervisor_.hello(id)) {
    spdlog::debug("a hello of worker {}, which is not expected, is ignored", to_text(id));
    return;
  }
  member->peer = peer.id;
  link(*member, *introduction);
}

/// Connects to a worker's inbox and makes it one of the crew.
void Crew::link(CrewMember& member, const Introduction& introduction) {
  try {
    member.connect(kind_);
  } catch (const ipc::Error& error) {
    // It may have died meanwhile; if not, it cannot be used.
    spdlog::warn("worker {} cannot be reached: {}", member.name(), error.what());
    kill(member.id(), false, "cannot be reached");
    return;
  }
  spdlog::info("worker w{} says hello: generation {}, pid {}", member.id().slot,
               member.id().generation, member.pid());
  // The first message tells a stranger its slot.
  post(member, Type::ping);
  owner_.joined(member.id(), introduction);
}

CrewMember* Crew::join_stranger(const Introduction& introduction) {
  if (introduction.inbox.empty() || !kind_.traits.named) {
    inbox_.drop("a hello without slot and inbox");
    return nullptr;
  }
  for (const auto& [slot, member] : members_) {
    if (member->is_child() || member->inbox() != introduction.inbox) continue;
    post(*member, Type::ping);  // it says hello again: perhaps the answer was lost
    return nullptr;
  }
  std::uint32_t slot = first_stranger;
  while (members_.contains(slot)) ++slot;
  auto& joined = members_[slot];
  joined = std::make_unique<CrewMember>(WorkerId{slot, 1}, introduction.inbox, introduction.pid);
  link(*joined, introduction);
  if (joined->is_connected()) return joined.get();
  members_.erase(slot);
  return nullptr;
}

ipc::Status Crew::send(const Dispatch::Assignment& task, ipc::Deadline deadline) {
  CrewMember* member = find(task.worker);
  if (member == nullptr || !member->is_connected()) return ipc::Status::closed;
  Envelope envelope = envelope_to(*member, Type::task);
  envelope.task = task.task;
  envelope.attempt = task.attempt;
  envelope.body = as_bytes(task.payload);
  return send(*member, envelope, deadline);
}

ipc::Status Crew::send(CrewMember& member, const Envelope& message, ipc::Deadline deadline) {
  const ipc::Status status = member.send(encode(message), deadline);
  // Later, for the caller is in the middle of something. A child's end is told by its process.
  if (status == ipc::Status::closed && !member.is_child())
    asio::post(executor_, [this, id = member.id()] { stranger_left(id, "its inbox is gone"); });
  return status;
}

Envelope Crew::envelope_to(const CrewMember& member, Type type) const {
  Envelope envelope;
  envelope.type = type;
  envelope.run = run_;
  envelope.slot = member.id().slot;
  envelope.generation = member.id().generation;
  return envelope;
}

/// Sends a message without content; one that finds no room is not missed, for it is repeated.
void Crew::post(CrewMember& member, Type type) {
  if (member.is_connected())
    (void)send(member, envelope_to(member, type), ipc::Deadline::at_once());
}

std::vector<WorkerReport> Crew::report() const {
  std::vector<WorkerReport> report;
  for (const auto& [slot, member] : members_) report.push_back(member->report());
  return report;
}

}  // namespace pool

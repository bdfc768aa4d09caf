#include "tools/pool/crew.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <spdlog/spdlog.h>

namespace pool {
namespace asio = boost::asio;
using boost::system::error_code;
using ipc::sys::Fd;

namespace {

// Well-framed nonsense could come a million times a second; the log must stay readable.
constexpr std::uint64_t bad_messages_logged = 20, bad_messages_between = 1000;
// How long the death of one worker may hold up the others, should its last words never end.
constexpr std::chrono::seconds last_words{1};

struct Pipe {
  Fd reader, writer;
};
Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) == -1) throw ipc::Error("pipe2", "", errno);
  return {Fd(ends[0]), Fd(ends[1])};
}

Fd open_writer(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.is_open()) throw ipc::Error("open", path, errno);
  return fd;
}

/// Shell workers connect anew for each message, and killed ones keep their place for a moment.
ipc::Options with_room_for_all(const ipc::Kind& kind, ipc::Options options) {
  if (std::ranges::find(kind.options, "max_senders") != kind.options.end())
    options.max_senders = ipc::kMostSenders;
  return options;
}

std::string name_of(WorkerId worker) {
  return "w" + std::to_string(worker.slot) + "." + std::to_string(worker.generation);
}

// Slots of workers that nobody here started; Supervisor's own stay below.
constexpr std::uint32_t first_stranger = 10'001;

}  // namespace

struct Crew::Member {
  WorkerId id;
  std::optional<Child> child{};  // of ours; a stranger has none
  std::unique_ptr<asio::posix::stream_descriptor> exit{};
  Fd inbox_writer{};                      // of an inherited inbox, until it is linked
  std::unique_ptr<ipc::Sender> sender{};  // from its hello on
  std::string inbox{};
  std::int64_t pid = 0;
  std::optional<std::uint32_t> peer{};  // in our inbox
  Time heard{};
  unsigned unanswered = 0;
  bool dismissed = false;
  bool killed = false;
  bool guilty = false;  // with killed
};

Crew::Crew(asio::any_io_executor executor, Owner& owner, const ipc::Kind& kind, RunId run,
           std::function<std::string(const std::string&)> address, const ipc::Options& inbox,
           const Rules& rules)
    : executor_(std::move(executor)),
      owner_(owner),
      kind_(kind),
      run_(run),
      address_(std::move(address)),
      rules_(rules),
      supervisor_(rules.supervisor),
      inbox_(
          kind.listen(kind.traits.named ? address_("master") : "", with_room_for_all(kind, inbox))),
      hearing_(executor_, *inbox_),
      due_timer_(executor_),
      ping_timer_(executor_),
      farewell_timer_(executor_),
      oom_kills_(oom_kills()) {
  Pipe lifeline = make_pipe();
  lifeline_reader_ = std::move(lifeline.reader);
  lifeline_writer_ = std::move(lifeline.writer);
}

Crew::~Crew() {
  for (const auto& [slot, member] : members_)
    if (member->child) member->child->signal(SIGKILL);
}

Crew::Member* Crew::find(WorkerId worker) {
  const auto found = members_.find(worker.slot);
  return found != members_.end() && found->second->id == worker ? found->second.get() : nullptr;
}

void Crew::start(std::uint32_t workers) {
  const bool first = supervisor_.size() == 0;
  for (const WorkerId surplus : supervisor_.resize(workers)) dismiss(surplus);
  if (first) {
    asio::co_spawn(executor_, hear(), [](const std::exception_ptr& error) {
      if (!error) return;
      try {
        std::rethrow_exception(error);
      } catch (const boost::system::system_error& aborted) {
        // The crew is gone, and with it the descriptor that was waited for.
        if (aborted.code() != asio::error::operation_aborted) throw;
      }
    });
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
  auto member = std::make_unique<Member>();
  member->id = id;
  member->heard = Clock::now();
  try {
    Channel channel;
    std::vector<int> descriptors{lifeline_reader_.get()};
    channel.lifeline_fd = 3;
    channel.master = inbox_->address();
    Fd inbox_reader, master_writer;
    if (kind_.traits.named) {
      channel.inbox = member->inbox = address_(name_of(id));
    } else {
      Pipe pipe = make_pipe();
      inbox_reader = std::move(pipe.reader);
      member->inbox_writer = std::move(pipe.writer);
      master_writer = open_writer(inbox_->address());
      descriptors.insert(descriptors.end(), {inbox_reader.get(), master_writer.get()});
      channel.inbox_fd = 4;
      channel.master_fd = 5;
    }
    Command command = owner_.command(id, channel);
    command.descriptors = std::move(descriptors);
    member->child = launch(command);
    member->pid = member->child->pid();
    watch(*member);
  } catch (const std::exception& error) {
    if (member->child) member->child->signal(SIGKILL);
    spdlog::error("worker {} could not be started: {}", name_of(id), error.what());
    supervisor_.ended(id, Clock::now(), std::string("could not be started: ") + error.what());
    return;
  }
  spdlog::debug("worker {} started, pid {}", name_of(id), member->pid);
  members_[id.slot] = std::move(member);
}

void Crew::watch(Member& member) {
  const int copy = ::fcntl(member.child->pidfd(), F_DUPFD_CLOEXEC, 0);
  if (copy == -1) throw ipc::Error("fcntl", "pidfd", errno);
  member.exit = std::make_unique<asio::posix::stream_descriptor>(executor_, copy);
  member.exit->async_wait(asio::posix::stream_descriptor::wait_read,
                          [this, id = member.id](error_code error) {
                            if (!error) child_ended(id);
                          });
}

asio::awaitable<void> Crew::hear() {
  for (;;) handle(co_await hearing_.receive());
}

void Crew::bad(const std::string& what) {
  ++bad_messages_;
  if (bad_messages_ <= bad_messages_logged || bad_messages_ % bad_messages_between == 0)
    spdlog::warn("bad message number {} dropped: {}", bad_messages_, what);
}

void Crew::handle(const ipc::Received& received) {
  if (received.status != ipc::Status::ok) return;  // the end of a connection is no worker's death
  const Decoded decoded = decode(received.message);
  if (!decoded)
    bad(decoded.problem);
  else if (decoded.envelope->run != run_)
    bad("of the run " + to_text(decoded.envelope->run) + ", not of this one");
  else
    handle_envelope(*decoded.envelope, received.peer);
}

void Crew::handle_envelope(const Envelope& envelope, const ipc::Peer& peer) {
  if (envelope.type == Type::hello) return handle_hello(envelope, peer);
  const WorkerId id{envelope.slot, envelope.generation};
  if (envelope.type != Type::result && envelope.type != Type::pong)
    return bad("a worker does not send a " + std::string(to_string(envelope.type)));
  Member* member = find(id);
  if (member == nullptr || !member->sender) {
    spdlog::debug("a {} of worker {}, which is not here, is ignored", to_string(envelope.type),
                  name_of(id));
    return;
  }
  member->heard = Clock::now();
  member->unanswered = 0;
  if (envelope.type == Type::result) owner_.result(id, envelope);
  owner_.heard(id);
}

void Crew::handle_hello(const Envelope& envelope, const ipc::Peer& peer) {
  std::string problem;
  const auto introduction = owner_.introduce(envelope, problem);
  if (!introduction) return bad("a hello: " + problem);
  if (ending_) return;
  if (envelope.slot == 0) {
    Member* stranger = join_stranger(*introduction);
    if (stranger != nullptr) stranger->peer = peer.id;
    return;
  }
  const WorkerId id{envelope.slot, envelope.generation};
  Member* member = find(id);
  if (member == nullptr || member->killed || !supervisor_.hello(id)) {
    spdlog::debug("a hello of worker {}, which is not expected, is ignored", name_of(id));
    return;
  }
  member->peer = peer.id;
  link(*member, *introduction, member->inbox);
}

/// Connects to a worker's inbox and makes it one of the crew.
void Crew::link(Member& member, const Introduction& introduction, const std::string& address) {
  try {
    ipc::Options options;
    options.require_receiver = kind_.traits.durable;  // a dead worker must not be written to
    if (member.inbox_writer.is_open()) options.fd = member.inbox_writer.get();
    member.sender = kind_.connect(address, options);
  } catch (const ipc::Error& error) {
    // It may have died meanwhile; if not, it cannot be used.
    spdlog::warn("worker {} cannot be reached: {}", name_of(member.id), error.what());
    kill(member.id, false, "cannot be reached");
    return;
  }
  member.inbox_writer.reset();
  member.heard = Clock::now();
  if (member.pid == 0) member.pid = introduction.pid;
  spdlog::info("worker w{} says hello: generation {}, pid {}", member.id.slot, member.id.generation,
               member.pid);
  // The first message tells a stranger its slot.
  post(member, Type::ping);
  owner_.joined(member.id, introduction);
}

Crew::Member* Crew::join_stranger(const Introduction& introduction) {
  if (introduction.inbox.empty() || !kind_.traits.named) {
    bad("a hello without slot and inbox");
    return nullptr;
  }
  for (const auto& [slot, member] : members_) {
    if (member->child || member->inbox != introduction.inbox) continue;
    post(*member, Type::ping);  // it says hello again: perhaps the answer was lost
    return nullptr;
  }
  std::uint32_t slot = first_stranger;
  while (members_.contains(slot)) ++slot;
  auto member = std::make_unique<Member>();
  member->id = {slot, 1};
  member->inbox = introduction.inbox;
  Member* const joined = member.get();
  members_[slot] = std::move(member);
  link(*joined, introduction, joined->inbox);
  if (joined->sender) return joined;
  members_.erase(slot);
  return nullptr;
}

ipc::Status Crew::send(WorkerId id, ipc::Bytes message, ipc::Deadline deadline) {
  Member* member = find(id);
  if (member == nullptr || !member->sender) return ipc::Status::closed;
  const ipc::Status status = member->sender->send(message, deadline);
  // Later, for the caller is in the middle of something. A child's end is told by its process.
  if (status == ipc::Status::closed && !member->child)
    asio::post(executor_, [this, id] { stranger_left(id, "its inbox is gone"); });
  return status;
}

/// Sends a message without content; one that finds no room is not missed, for it is repeated.
void Crew::post(Member& member, Type type) {
  Envelope envelope;
  envelope.type = type;
  envelope.run = run_;
  envelope.slot = member.id.slot;
  envelope.generation = member.id.generation;
  (void)send(member.id, encode(envelope));
}

void Crew::ping_all() {
  const Time now = Clock::now();
  std::vector<WorkerId> lost;
  for (const auto& [slot, member] : members_) {
    if (!member->sender || member->killed) continue;
    if (member->child && now - member->heard > rules_.silence) {
      kill(member->id, true, "hangs: has not sent anything for too long");
    } else if (member->unanswered >= rules_.unanswered_pings) {
      // More pings would only fill the inbox of one that is busy or stopped.
      if (!member->child) lost.push_back(member->id);
      if (member->dismissed) kill(member->id, false, "does not end");
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
  Member* member = find(worker);
  if (member == nullptr) return;
  member->dismissed = true;
  if (member->sender)
    post(*member, Type::stop);
  else
    kill(worker, false, "is not needed any more");
}

void Crew::kill(WorkerId worker, bool guilty, const std::string& why) {
  Member* member = find(worker);
  if (member == nullptr || member->killed) return;
  if (!member->child) {
    if (member->sender) asio::post(executor_, [this, worker, why] { stranger_left(worker, why); });
    return;
  }
  spdlog::warn("worker {} (pid {}) {}: killed ({})", name_of(worker), member->pid, why,
               member->child->describe());
  member->killed = true;
  member->guilty = guilty;
  member->child->signal(SIGKILL);
}

/// Reads what a dead worker had sent before its tasks go to others, or a page that it did finish
/// would be downloaded twice.
void Crew::hear_the_last_of(const Member& member) {
  const Time end = Clock::now() + last_words;
  while (Clock::now() < end) {
    const ipc::Received received = inbox_->receive(ipc::Deadline::at_once());
    if (received.status == ipc::Status::timed_out) return;
    if (received.status == ipc::Status::died && received.peer.id == member.peer) return;
    handle(received);
  }
}

bool Crew::is_guilty(const Member& member, const Exit& exit) {
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
  Member* member = find(id);
  if (member == nullptr) return;
  const auto exit = member->child->reap();
  if (!exit) return watch(*member);
  hear_the_last_of(*member);
  const bool guilty = is_guilty(*member, *exit);
  const bool expected = ending_ || member->dismissed;
  const auto pause = supervisor_.ended(id, Clock::now(), exit->text);
  remove_inbox(*member);
  spdlog::log(expected ? spdlog::level::debug : spdlog::level::warn, "worker {} (pid {}) {}",
              name_of(id), member->pid, exit->text);
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
  spdlog::warn("worker {}, which joined by hand, has left: {}", name_of(id), why);
  members_.erase(id.slot);
  owner_.left(id, false);
}

/// A killed worker leaves its inbox; no later one has the same name.
void Crew::remove_inbox(const Member& member) {
  if (member.inbox.empty()) return;
  try {
    kind_.remove(member.inbox);
  } catch (const ipc::Error& error) {
    spdlog::warn("the inbox of worker {} stays: {}", name_of(member.id), error.what());
  }
}

bool Crew::has_children() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const auto& entry) { return entry.second->child.has_value(); });
}

void Crew::end() {
  if (ending_) return;
  ending_ = true;
  supervisor_.stop();
  for (const auto& [slot, member] : members_) post(*member, Type::stop);
  // Tells those whose inbox is full, and those who have not got as far as to listen.
  lifeline_writer_.reset();
  if (!has_children()) {
    asio::post(executor_, [this] { tell_end(); });
    return;
  }
  farewell_timer_.expires_after(rules_.farewell);
  farewell_timer_.async_wait([this](error_code error) {
    if (error) return;
    for (const auto& [slot, member] : members_)
      if (member->child) kill(member->id, false, "does not end");
  });
}

std::vector<WorkerReport> Crew::report() const {
  std::vector<WorkerReport> report;
  for (const auto& [slot, member] : members_)
    report.push_back({member->id, member->pid, member->child.has_value(),
                      member->killed || member->dismissed ? "ending"
                      : member->sender                    ? "working"
                                                          : "starting"});
  return report;
}

}  // namespace pool

// The workers of one master: started, linked by a transport, watched, and ended.
//
// Everything between them is messages (envelope.hpp) over one kind of ipc: the master has one inbox
// for all, each worker has one of its own. No worker and no message is waited for: what does not fit
// into an inbox at once is refused, and the owner offers it again later.
//
// Whose death counts: of a child of ours its process, seen through a pidfd. A worker that somebody
// started by hand has no process that we could watch; it is dead when our own sender to it says
// `closed`, or when it has not answered `unanswered_pings` pings. What the master's inbox says of
// senders (`died`, `closed`) is no death: a worker made of shell commands connects and leaves for
// each result.
//
// One thread: that of the executor, which must be the one that constructed it (supervisor_launcher.hpp
// says why).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tools/pool/crew_inbox.hpp"
#include "tools/pool/crew_member.hpp"
#include "tools/pool/pipe.hpp"

namespace pool {

/// What a hello says, in the words of the crew's owner.
struct Introduction {
  std::string inbox;         ///< Of a worker that joins by hand.
  std::uint64_t window = 1;  ///< How many tasks it takes at once.
  std::int64_t pid = 0;      ///< As it says.
};

class Crew {
 public:
  /// Learns what happens. Functions must not destroy the crew.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The program of a new worker; the descriptors are the crew's.
    virtual Command command(const WorkerPlace& place) = 0;
    /// Reads a hello, or says why it is none.
    virtual std::optional<Introduction> introduce(const Envelope& hello, std::string& problem) = 0;
    virtual void joined(WorkerId worker, const Introduction& introduction) = 0;
    /// A worker has sent anything: there may be room in its inbox again.
    virtual void heard(WorkerId worker) = 0;
    virtual void result(WorkerId worker, const Envelope& result) = 0;
    /// It is dead and all that it sent has been heard. `guilty`: the end is its own doing.
    virtual void left(WorkerId worker, bool guilty) = 0;
    /// It makes no sense to go on.
    virtual void storm(const std::string& reason) = 0;
    /// After end(): the last child is gone.
    virtual void ended() = 0;
  };

  struct Rules {
    Supervisor::Rules supervisor;
    /// A child that has sent nothing for so long, not even a pong, hangs and is killed.
    Clock::duration silence = std::chrono::seconds(120);
    Clock::duration ping = std::chrono::seconds(1);
    unsigned unanswered_pings = 5;
    /// What workers get to end by themselves.
    Clock::duration farewell = std::chrono::seconds(1);
  };

  /// `address` is asked for the address of each inbox, by a name such as "master" or "w1.3", and
  /// `inbox` is how the master's is made. Throws ipc::Error if it cannot be.
  Crew(boost::asio::any_io_executor executor, Owner& owner, const ipc::Kind& kind, RunId run,
       std::function<std::string(const std::string&)> address, const ipc::Options& inbox,
       const Rules& rules);
  /// Kills the children that are left.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// From now on there are `workers` workers; also later, for another number.
  void start(std::uint32_t workers);
  void set_rules(const Rules& rules);
  /// Sends a task: `timed_out` if there is no room until the deadline, up to which nothing else is done;
  /// `closed` if the worker is gone or unknown.
  ipc::Status send(const Dispatch::Assignment& task,
                   ipc::Deadline deadline = ipc::Deadline::at_once());
  /// Tells a worker to end; a child in a slot that is wanted is replaced.
  void dismiss(WorkerId worker);
  /// Kills a child that hangs; of another worker, no message counts any more.
  void kill(WorkerId worker, bool guilty, const std::string& why);
  /// Ends all workers: told to, then killed. Owner::ended() follows.
  void end();

  RunId run() const { return run_; }
  const std::string& inbox_address() const { return inbox_.address(); }
  std::vector<WorkerReport> report() const;
  std::uint64_t bad_messages() const { return inbox_.dropped(); }

 private:
  using Members = std::map<std::uint32_t, std::unique_ptr<CrewMember>>;  // by slot

  CrewMember* find(WorkerId worker);
  void start_due();
  void start_worker(WorkerId worker);
  void arm();
  void watch(CrewMember& member);
  void handle(const Envelope& envelope, const ipc::Peer& peer);
  void handle_hello(const Envelope& envelope, const ipc::Peer& peer);
  void link(CrewMember& member, const Introduction& introduction);
  CrewMember* join_stranger(const Introduction& introduction);
  void child_ended(WorkerId worker);
  bool is_guilty(const CrewMember& member, const Exit& exit);
  void stranger_left(WorkerId worker, const std::string& why);
  void remove_inbox(const CrewMember& member);
  void ping_all();
  ipc::Status send(CrewMember& member, const Envelope& message, ipc::Deadline deadline);
  Envelope envelope_to(const CrewMember& member, Type type) const;
  void post(CrewMember& member, Type type);
  bool has_children() const;
  void tell_end();

  boost::asio::any_io_executor executor_;
  Owner& owner_;
  const ipc::Kind& kind_;
  RunId run_;
  std::function<std::string(const std::string&)> address_;
  std::optional<std::size_t> capacity_;  // of each inbox
  Rules rules_;
  Supervisor supervisor_;
  CrewInbox inbox_;
  Pipe lifeline_;  // the children inherit the reader; its end tells them ours
  Members members_;
  boost::asio::steady_timer due_timer_, ping_timer_, farewell_timer_;
  Time looked_ = Clock::now();  // when ping_all() judged the workers last
  std::optional<std::uint64_t> oom_kills_;
  bool ending_ = false, end_told_ = false;
};

}  // namespace pool

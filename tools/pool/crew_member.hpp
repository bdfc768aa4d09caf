// One worker of a crew: its process, if it is a child of ours, and the way to its inbox.
//
// A child is launched, says hello, is connected to, and ends. A *stranger*, which somebody started
// by hand, has no process that we could watch: it begins with its hello.
//
// One thread: that of the executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "ipc/transport.hpp"
#include "tools/pool/supervisor.hpp"
#include "tools/pool/supervisor_launcher.hpp"
#include "tools/pool/worker_place.hpp"

namespace pool {

/// For people.
struct WorkerReport {
  enum class State { starting, ready, ending };
  WorkerId id;
  std::int64_t pid = 0;
  bool is_child = true;
  State state = State::starting;
};

/// "w3.1": slot and generation.
std::string to_text(WorkerId worker);

class CrewMember {
 public:
  /// `inbox` is where it listens; of a child, "" if it is to inherit an end of a pipe. A stranger's pid
  /// is what it says.
  CrewMember(WorkerId id, std::string inbox, std::int64_t pid = 0);
  CrewMember(const CrewMember&) = delete;
  CrewMember& operator=(const CrewMember&) = delete;

  WorkerId id() const { return id_; }
  std::string name() const { return to_text(id_); }
  std::int64_t pid() const { return pid_; }
  const std::string& inbox() const { return inbox_; }
  WorkerReport report() const;

  /// Starts it as a child. `place` says what all workers have in common, where the master listens
  /// included, and `lifeline` is what they inherit; `command` makes a program of the whole. Throws what
  /// `command` throws, and ipc::Error if it cannot be started.
  void launch(const ipc::Kind& kind, WorkerPlace place, int lifeline,
              const std::function<Command(const WorkerPlace&)>& command);
  /// Calls `ended` once its process has ended, unless this object ends first. Throws ipc::Error.
  void watch(const boost::asio::any_io_executor& executor, std::function<void()> ended);
  bool is_child() const { return child_.has_value(); }
  const Child& child() const { return *child_; }
  std::optional<Exit> reap() { return child_->reap(); }
  /// For a child. `guilty`: the end is its own doing.
  void kill(bool guilty);
  /// For a child that cannot be watched: kills and reaps it.
  void end_now() { child_->end_now(); }

  /// Once it listens, which its hello says. Throws ipc::Error.
  void connect(const ipc::Kind& kind);
  bool is_connected() const { return sender_ != nullptr; }
  /// Sends; `closed` if it is not connected.
  ipc::Status send(ipc::Bytes message, ipc::Deadline deadline);
  /// It has sent something.
  void is_heard();

  // The crew's notes.
  std::optional<std::uint32_t> peer{};  ///< Who it is in the master's inbox.
  Time heard{};                         ///< When it sent something last.
  unsigned unanswered = 0;              ///< Pings since then.
  bool dismissed = false;
  bool killed = false;
  bool guilty = false;  ///< With killed.

 private:
  WorkerId id_;
  std::string inbox_;
  std::int64_t pid_ = 0;
  std::optional<Child> child_{};
  std::unique_ptr<boost::asio::posix::stream_descriptor> end_{};
  ipc::sys::Fd inbox_writer_{};  // of an inherited inbox, until it is connected
  std::unique_ptr<ipc::Sender> sender_{};
};

}  // namespace pool

#include "tools/pool/crew_member.hpp"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "tools/pool/pipe.hpp"

namespace pool {
namespace asio = boost::asio;
using ipc::sys::Fd;

namespace {

Fd open_writer(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.is_open()) throw ipc::Error("open", path, errno);
  return fd;
}

}  // namespace

std::string to_text(WorkerId worker) {
  return "w" + std::to_string(worker.slot) + "." + std::to_string(worker.generation);
}

CrewMember::CrewMember(WorkerId id, std::string inbox, std::int64_t pid)
    : heard(Clock::now()), id_(id), inbox_(std::move(inbox)), pid_(pid) {}

WorkerReport CrewMember::report() const {
  using State = WorkerReport::State;
  State state = is_connected() ? State::ready : State::starting;
  if (killed || dismissed) state = State::ending;
  return {id_, pid_, is_child(), state};
}

void CrewMember::launch(const ipc::Kind& kind, WorkerPlace place, int lifeline,
                        const std::function<Command(const WorkerPlace&)>& command) {
  place.slot = id_.slot;
  place.generation = id_.generation;
  place.inbox = inbox_;
  place.lifeline_fd = 3;
  std::vector<int> descriptors{lifeline};
  Fd inbox_reader, master_writer;
  if (!kind.traits.named) {
    Pipe pipe = make_pipe();
    inbox_reader = std::move(pipe.reader);
    inbox_writer_ = std::move(pipe.writer);
    master_writer = open_writer(std::exchange(place.master, ""));
    descriptors.insert(descriptors.end(), {inbox_reader.get(), master_writer.get()});
    place.inbox_fd = 4;
    place.master_fd = 5;
  }
  Command complete = command(place);
  complete.descriptors = std::move(descriptors);
  child_ = pool::launch(complete);
  pid_ = child_->pid();
}

void CrewMember::watch(const asio::any_io_executor& executor, std::function<void()> ended) {
  const int copy = ::fcntl(child_->pidfd(), F_DUPFD_CLOEXEC, 0);
  if (copy == -1) throw ipc::Error("fcntl", "pidfd", errno);
  end_ = std::make_unique<asio::posix::stream_descriptor>(executor, copy);
  end_->async_wait(asio::posix::stream_descriptor::wait_read,
                   [ended = std::move(ended)](boost::system::error_code error) {
                     if (!error) ended();
                   });
}

void CrewMember::kill(bool is_guilty) {
  killed = true;
  guilty = is_guilty;
  child_->signal(SIGKILL);
}

void CrewMember::connect(const ipc::Kind& kind) {
  ipc::Options options;
  options.require_receiver = kind.traits.durable;  // a dead worker must not be written to
  if (inbox_writer_.is_open()) options.fd = inbox_writer_.get();
  sender_ = kind.connect(inbox_, options);
  inbox_writer_.reset();
  heard = Clock::now();
}

ipc::Status CrewMember::send(ipc::Bytes message, ipc::Deadline deadline) {
  return sender_ ? sender_->send(message, deadline) : ipc::Status::closed;
}

void CrewMember::is_heard() {
  heard = Clock::now();
  unanswered = 0;
}

}  // namespace pool

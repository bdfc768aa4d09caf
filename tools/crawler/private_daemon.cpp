#include "tools/crawler/private_daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "ipc/kinds.hpp"
#include "tools/crawler/places.hpp"
#include "tools/pool/envelope.hpp"

namespace crawler {
namespace {

using ipc::sys::Fd;
using namespace std::chrono_literals;

constexpr auto end_patience = 3s;  // it gives its workers a moment, and clients their answers

struct Pipe {
  Fd reader;
  Fd writer;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) == -1) throw ipc::Error("pipe2", "", errno);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "crawlerd";
}

}  // namespace

// The kind of the directory matters to those who sweep it; nothing but a socket lies in this one.
PrivateDaemon::PrivateDaemon(const std::vector<std::string>& arguments)
    : directory_(default_runs(), pool::to_text(pool::random_run()), *ipc::kinds::all.front()) {
  Pipe lifeline = make_pipe();
  Pipe ready = make_pipe();
  pool::Command command{program()};
  command.arguments = {"--lifeline-fd=3", "--ready-fd=4", "--log=warn", "--socket=" + socket()};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  command.descriptors = {lifeline.reader.get(), ready.writer.get()};
  command.is_mute = true;  // its total is of no interest to one client
  child_ = std::make_unique<pool::Child>(pool::launch(command));
  lifeline_ = std::move(lifeline.writer);
  ready_ = std::move(ready.reader);
}

std::optional<pool::Exit> PrivateDaemon::wait_ready() {
  std::array<char, 16> word{};
  ssize_t count = 0;
  do count = ::read(ready_.get(), word.data(), word.size());
  while (count == -1 && errno == EINTR);
  if (count > 0) return std::nullopt;
  wait_end(end_patience);
  std::optional<pool::Exit> exit = child_->reap();
  if (exit) child_.reset();
  return exit;
}

bool PrivateDaemon::wait_end(std::chrono::milliseconds patience) const {
  pollfd ended{child_->pidfd(), POLLIN, 0};
  return ::poll(&ended, 1, static_cast<int>(patience.count())) == 1;
}

PrivateDaemon::~PrivateDaemon() {
  lifeline_.reset();
  if (!child_) return;
  if (!wait_end(end_patience)) {
    child_->signal(SIGKILL);
    wait_end(end_patience);
  }
  try {
    child_->reap();
  } catch (const ipc::Error&) {
    // How it ended is of no interest any more.
  }
}

}  // namespace crawler

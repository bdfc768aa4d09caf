#include "tools/pool/job.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "ipc/sys/error.hpp"

namespace pool {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;  // what a pipe holds by default, pipe(7)
constexpr int kPieces = 16;                            // at most; others want their turn
constexpr std::chrono::seconds kGrace{2};              // between SIGTERM and SIGKILL

Child start(Command command, ipc::sys::Fd& output_reader) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw ipc::Error("pipe2", command.program, errno);
  output_reader = ipc::sys::Fd(ends[0]);
  const ipc::sys::Fd writer(ends[1]);
  // Ours only: the command's end stays as programs expect it.
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) throw ipc::Error("fcntl", command.program, errno);
  command.standard_output = writer.get();
  command.heeds_signals = true;
  return launch(command);
}

}  // namespace

Job::Job(Command command, std::size_t most_output)
    : child_(start(std::move(command), output_reader_)), most_output_(most_output) {}

Job::~Job() {
  // Not of one that was moved from.
  if (output_reader_.is_open() && !exit_) child_.signal_group(SIGKILL);
}

void Job::read() {
  for (int i = 0; i < kPieces; ++i) {
    const std::size_t before = text_.size();
    text_.resize(before + kPiece);
    const ssize_t count = ::read(output_reader_.get(), text_.data() + before, kPiece);
    const int error = errno;
    text_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && error == EINTR) continue;
    if (count < 0 && error != EAGAIN) throw ipc::Error("read", "the command's output", error);
    is_silent_ = count == 0;
    if (count <= 0) return;
    if (text_.size() > most_output_) {
      end("the command wrote more than the " + std::to_string(most_output_) + " bytes of a reply");
      text_.clear();  // and go on reading, or it would stand still and never end
    }
  }
}

const std::optional<std::string>& Job::ended() {
  if (ended_) return ended_;
  if (!exit_) exit_ = child_.reap();
  if (!exit_) return ended_;
  read();
  ended_ = !why_.empty() ? why_ : exit_->is_failure() ? "the command " + exit_->text : "";
  return ended_;
}

void Job::end(const std::string& why) {
  if (ended_ || !why_.empty()) return;
  why_ = why;
  if (exit_) return;
  kill_at_ = ipc::Deadline::after(kGrace);
  child_.signal_group(SIGTERM);
}

void Job::insist() {
  if (exit_ || !kill_at_.expired()) return;
  kill_at_ = ipc::Deadline::never();
  child_.signal_group(SIGKILL);
}

}  // namespace pool

#include "tools/pool_tool/worker.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "tools/cli/command.hpp"

namespace pool_tool {
namespace {

using namespace std::chrono_literals;
using ipc::Deadline;

// While a message finds no room, how often to look whether the master still wants it.
constexpr auto kLook = 250ms;

}  // namespace

Worker::Worker(const WorkerOptions& options)
    : options_(options), inbox_(pool::listen(options)), master_(pool::connect(options)) {
  pool::Envelope hello = pool::envelope_from(options_, pool::Type::hello);
  hello.about = about_pid(::getpid());
  send(hello);
}

void Worker::run() {
  while (!is_over_) {
    take_messages();
    look_after_task();
    if (!is_over_) wait();
  }
}

// Until there is a message, output, the command's end, the master's, or it is time.
void Worker::wait() {
  const bool works = task_.has_value();
  std::array<pollfd, 4> events{{{*options_.lifeline_fd, POLLIN, 0},
                                {inbox_->readiness_fd(), POLLIN, 0},
                                {works ? task_->job.output_fd() : -1, POLLIN, 0},
                                {works ? task_->job.pidfd() : -1, POLLIN, 0}}};
  const Deadline deadline =
      works ? std::min(task_->limit, task_->job.kill_at()) : Deadline::never();
  const timespec left = deadline.left_timespec();
  const int ready =
      ::ppoll(events.data(), events.size(), deadline.is_never() ? nullptr : &left, nullptr);
  if (ready < 0 && errno != EINTR) throw ipc::Error("ppoll", "", errno);
  if (ready > 0 && events[0].revents != 0) is_over_ = true;
}

bool Worker::is_abandoned() const {
  pollfd lifeline{*options_.lifeline_fd, POLLIN, 0};
  return ::poll(&lifeline, 1, 0) > 0;
}

void Worker::take_messages() {
  while (!is_over_) {
    const ipc::Received received = inbox_->receive(Deadline::at_once());
    if (received.status == ipc::Status::timed_out) return;
    if (received.status != ipc::Status::ok) continue;  // the master's end is the lifeline's
    const pool::Decoded decoded = pool::decode(received.message);
    if (!decoded) continue;
    const pool::Envelope& envelope = *decoded.envelope;
    if (envelope.run == options_.run && envelope.slot == options_.slot &&
        envelope.generation == options_.generation)
      take(envelope);
  }
}

void Worker::take(const pool::Envelope& message) {
  switch (message.type) {
    case pool::Type::task:
      // The master hands out one at a time, since the window is one.
      if (!task_) begin(message);
      return;
    case pool::Type::ping:
      return send(pool::envelope_from(options_, pool::Type::pong));
    case pool::Type::stop:
      is_over_ = true;
      return;
    case pool::Type::hello:
    case pool::Type::result:
    case pool::Type::pong:
      return;
  }
}

void Worker::begin(const pool::Envelope& message) {
  try {
    const tools::MessageFile input(pool::as_text(message.body));
    const tools::Arrival arrival{message.task, std::chrono::system_clock::now(), {}};
    std::vector<std::string> variables = tools::environment_for(arrival);
    // Of the pool that this one runs in, if any.
    std::erase_if(variables,
                  [](const std::string& each) { return each.starts_with("IPC_ATTEMPT="); });
    variables.push_back("IPC_ATTEMPT=" + std::to_string(message.attempt));
    task_.emplace(
        Task{message.task, message.attempt,
             pool::Job({.program = options_.command.front(),
                        .arguments = {options_.command.begin() + 1, options_.command.end()},
                        .standard_input = input.fd(),
                        .environment = std::move(variables)},
                       max_body(master_->max_message())),
             options_.time_limit ? Deadline::after(*options_.time_limit) : Deadline::never()});
  } catch (const ipc::Error& error) {
    answer(message.task, message.attempt, error.what(), "");
  }
}

void Worker::look_after_task() {
  if (!task_) return;
  pool::Job& job = task_->job;
  job.read();
  if (task_->limit.expired()) {
    task_->limit = Deadline::never();
    job.end("the command took longer than it may (--timeout)");
  }
  job.insist();
  const auto& how = job.ended();
  if (!how) return;
  answer(task_->id, task_->attempt, *how, job.output());
  task_.reset();
}

void Worker::answer(std::uint64_t task, std::uint32_t attempt, const std::string& problem,
                    const std::string& output) {
  pool::Envelope result = pool::envelope_from(options_, pool::Type::result);
  result.task = task;
  result.attempt = attempt;
  if (problem.empty())
    result.body = pool::as_bytes(output);
  else
    result.about = about_problem(problem);
  send(result);
}

void Worker::send(const pool::Envelope& message) {
  const auto bytes = pool::encode(message);
  // A long result passes through a short channel only while the master reads: the longer an attempt
  // lasts, the likelier it gets through.
  for (auto patience = kLook; !is_over_; patience *= 2) {
    switch (master_->send(bytes, Deadline::after(patience))) {
      case ipc::Status::ok:
        return;
      case ipc::Status::timed_out:
        is_over_ = is_abandoned();
        break;
      case ipc::Status::closed:
      case ipc::Status::died:
        is_over_ = true;
        break;
    }
  }
}

}  // namespace pool_tool

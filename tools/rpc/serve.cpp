// The serving loop.
//
// It waits for nobody: commands run beside it, and a reply that finds no room at once is left to a
// thread. What it reads ahead is bounded; beyond that the callers wait in the channel.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ipc/kinds.hpp"
#include "ipc/rpc/server.hpp"
#include "ipc/sys/call.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/stats.hpp"
#include "tools/cli/stopping.hpp"
#include "tools/pool/job.hpp"
#include "tools/rpc/options.hpp"
#include "tools/rpc/rpc.hpp"
#include "tools/rpc/slow_replies.hpp"

namespace tools {
namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using Call = ipc::rpc::Server::Call;

// How much of what callers ask is held while all jobs are busy.
constexpr std::size_t kMostAhead = std::size_t{32} << 20;
constexpr std::size_t kMostWaiting = 1024;
// A caller that has not read its reply for so long does not get it.
constexpr auto kGiveUp = 30s;
// When there are too many of these, until the next look whether one has room after all.
constexpr auto kPause = 50ms;

struct Request {
  Call call;
  std::string body;
  Arrival arrival;
};

struct Running {
  Call call;
  std::uint64_t number;
  pool::Job job;
  Deadline limit;
};

struct Answer {
  Call call;
  std::uint64_t number;
  bool refused;
  std::string text;
};

class Serving {
 public:
  Serving(const ServeOptions& options, ipc::rpc::Server& server, const Stopping& stopping)
      : options_(options), server_(server), stopping_(stopping) {}

  // Returns when all requests that it was to serve are answered, or a signal came; the caller asks
  // Stopping.
  Exit run() {
    for (;;) {
      take_requests();
      if (stopping_.signal()) refuse_waiting();
      start_jobs();
      look_after_jobs();
      hand_over();
      if (is_ending() && is_idle()) break;
      wait();
    }
    if (options_.stats) say(stats_.sentence() + ", " + std::to_string(failed_) + " refused");
    return Exit::ok;
  }

 private:
  bool is_ending() const { return stopping_.signal() || is_enough(); }
  bool is_enough() const { return options_.count && taken_ >= *options_.count; }
  bool is_idle() const {
    return waiting_.empty() && running_.empty() && answers_.empty() && slow_.is_empty();
  }
  bool has_room() const {
    return !is_enough() && ahead_ < kMostAhead && waiting_.size() < kMostWaiting;
  }

  void take_requests() {
    while (has_room()) {
      const auto got = server_.next(Deadline::at_once());
      if (!got) break;
      const std::string_view body(reinterpret_cast<const char*>(got.body.data()), got.body.size());
      ahead_ += body.size();
      waiting_.push_back(
          {got.call, std::string(body), {++taken_, std::chrono::system_clock::now(), got.peer}});
      stats_.count(body.size());
      if (options_.verbose)
        say("request " + std::to_string(taken_) + " of " + process_of(got.peer) + ": " +
            std::to_string(body.size()) + " bytes");
    }
    const std::uint64_t foreign = server_.foreign_messages() + server_.foreign_bytes();
    if (foreign == 0 || std::exchange(foreign_told_, true)) return;
    say("what came was no call, and is dropped; call with rpc-call");
  }

  // Those that are not begun when a signal has come.
  void refuse_waiting() {
    failed_ += waiting_.size();
    for (const Request& request : waiting_)
      answers_.push_back({request.call, request.arrival.number, true, "the server is stopping"});
    waiting_.clear();
    ahead_ = 0;
  }

  void start_jobs() {
    while (!waiting_.empty() && running_.size() < options_.jobs) {
      const Request request = std::move(waiting_.front());
      waiting_.pop_front();
      ahead_ -= request.body.size();
      if (!server_.is_wanted(request.call)) {
        if (options_.verbose)
          say("request " + std::to_string(request.arrival.number) + ": its caller has gone");
        continue;
      }
      try {
        running_.push_back(
            {request.call, request.arrival.number, start(request),
             options_.time_limit ? Deadline::after(*options_.time_limit) : Deadline::never()});
      } catch (const ipc::Error& error) {
        // No process or descriptor left: this one's trouble, and perhaps not the next one's.
        ++failed_;
        answers_.push_back({request.call, request.arrival.number, true, error.what()});
      }
    }
  }

  pool::Job start(const Request& request) {
    const MessageFile input(request.body);
    return {{.program = "/bin/sh",
             .arguments = {"-c", options_.command},
             .standard_input = input.fd(),
             .environment = environment_for(request.arrival)},
            most_reply(request.call)};
  }

  std::size_t most_reply(Call call) {
    try {
      return server_.max_reply(call);
    } catch (const ipc::Error&) {
      return 0;  // it cannot be reached; reply() will say why
    }
  }

  void look_after_jobs() {
    for (auto at = running_.begin(); at != running_.end();) {
      pool::Job& job = at->job;
      job.read();
      if (!server_.is_wanted(at->call)) job.end("its caller has gone, so the command was ended");
      if (at->limit.expired()) {
        at->limit = Deadline::never();
        job.end("the command took longer than it may (--timeout)");
      }
      job.insist();
      const auto& how = job.ended();
      if (!how) {
        ++at;
        continue;
      }
      finish(*at, *how);
      at = running_.erase(at);
    }
  }

  void finish(const Running& done, const std::string& how) {
    const bool failed = !how.empty();
    failed_ += failed ? 1 : 0;
    if (failed && !options_.quiet) say("request " + std::to_string(done.number) + ": " + how);
    answers_.push_back({done.call, done.number, failed, failed ? how : done.job.output()});
  }

  void hand_over() {
    for (const std::string& problem : slow_.take_done()) say(problem);
    std::erase_if(answers_, [this](Answer& answer) { return is_handed_over(answer); });
  }

  // Whether it is in the caller's inbox, in a thread's hands, or for nobody.
  bool is_handed_over(Answer& answer) {
    const auto at_once = Deadline::at_once();
    try {
      const auto status =
          answer.refused
              ? server_.refuse(answer.call, answer.text, at_once)
              : server_.reply(answer.call, std::as_bytes(std::span(answer.text)), at_once);
      if (status != ipc::Status::timed_out) return true;
      if (slow_.is_full()) return false;
      slow_.add(server_.defer(answer.call), answer.number, answer.refused, std::move(answer.text));
    } catch (const ipc::Error& error) {
      say("request " + std::to_string(answer.number) + ": no reply can be sent: " + error.what());
    }
    return true;
  }

  // Until there is a request or output, a command has ended, a signal came, or it is time.
  void wait() {
    std::vector<pollfd> events{{stopping_.signal() ? -1 : stopping_.fd(), POLLIN, 0},
                               {has_room() ? server_.readiness_fd() : -1, POLLIN, 0},
                               {slow_.fd(), POLLIN, 0}};
    Deadline deadline = answers_.empty() ? Deadline::never() : Deadline::after(kPause);
    for (const Running& each : running_) {
      events.push_back({each.job.output_fd(), POLLIN, 0});
      events.push_back({each.job.pidfd(), POLLIN, 0});
      deadline = std::min({deadline, each.limit, each.job.kill_at()});
    }
    const timespec left = deadline.left_timespec();
    const timespec* limit = deadline.is_never() ? nullptr : &left;
    // perform_once, since a signal is one of the things that end this wait.
    const ipc::sys::Result waited = ipc::sys::perform_once(
        "ppoll", "sleep until a request, a command's output or end, or a signal",
        [&] { return ::ppoll(events.data(), events.size(), limit, nullptr); },
        [&] { return std::to_string(events.size()) + " descriptors"; });
    if (waited.error != EINTR) waited.check("");
  }

  void say(const std::string& sentence) const { complain(options_.program, sentence); }

  const ServeOptions& options_;
  ipc::rpc::Server& server_;
  const Stopping& stopping_;
  std::deque<Request> waiting_;
  std::size_t ahead_ = 0;  ///< Bytes of those.
  std::list<Running> running_;
  std::list<Answer> answers_;
  SlowReplies slow_{kGiveUp};
  std::uint64_t taken_ = 0;
  std::uint64_t failed_ = 0;
  Stats stats_;
  bool foreign_told_ = false;
};

}  // namespace

int rpc_serve_main(int argc, char** argv) {
  std::unique_ptr<Narrator> narrator;
  std::optional<int> signal;
  const Exit code = guarded("rpc-serve", [&] {
    const ServeOptions options = parse_serve(argc, argv);
    narrator = narrate(options.narration);
    const Stopping stopping(Farewell::finish);
    // Gone, with its name, before this process is: also when it ends by a signal.
    ipc::rpc::Server server(*options.kind, options.address, options.transport);
    if (options.verbose || !options.kind->traits.named)
      complain(options.program, "serving at " + server.address() + "; call: " + options.other_half +
                                    " " + server.address());
    const Exit end = Serving(options, server, stopping).run();
    signal = stopping.signal();
    return end;
  });
  if (signal) die_of(*signal);
  return static_cast<int>(code);
}

}  // namespace tools

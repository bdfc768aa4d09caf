// The calling loop.
#include "ipc/sys/call.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "ipc/kinds.hpp"
#include "ipc/rpc/client.hpp"
#include "tools/cli/connecting.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/input.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/stats.hpp"
#include "tools/cli/stopping.hpp"
#include "tools/rpc/options.hpp"
#include "tools/rpc/rpc.hpp"

namespace tools {
namespace {

using ipc::Deadline;
using Outcome = ipc::rpc::Client::Outcome;

// How often the client wants to look after its server.
constexpr std::chrono::milliseconds kLook{250};

// What ends the loop early, after which the caller asks Stopping.
struct Stopped {};

class Calling {
 public:
  Calling(const CallOptions& options, ipc::rpc::Client& client, const Stopping& stopping)
      : options_(options),
        client_(client),
        stopping_(stopping),
        output_(STDOUT_FILENO, [this] { return stopping_.signal().has_value(); }) {
    format_.for_people = ::isatty(STDOUT_FILENO) == 1;
  }

  Exit run() {
    if (options_.verbose)
      complain(options_.program, "connected to " + options_.address + "; requests of up to " +
                                     std::to_string(client_.max_request()) + " bytes");
    for (std::uint64_t round = 0; round < options_.repeat; ++round)
      for (const MessageArgument& message : options_.messages) {
        if (message.is_stdin)
          call_with_stdin();
        else
          call(message.bytes);
      }
    output_.flush();
    if (options_.stats) complain(options_.program, stats_.sentence());
    return worst_;
  }

 private:
  void call_with_stdin() {
    if (!options_.quiet && ::isatty(STDIN_FILENO) == 1)
      complain(options_.program, options_.cut.at == Cut::At::line
                                     ? "one request per line, Ctrl-D ends"
                                     : "Ctrl-D ends");
    Input input(STDIN_FILENO, options_.cut, client_.max_request(),
                [this] { wait(STDIN_FILENO, Deadline::never()); });
    while (const auto request = input.next()) call(*request);
  }

  void call(std::string_view request) {
    ++number_;
    if (stopping_.signal()) throw Stopped{};
    const Deadline deadline =
        options_.timeout ? Deadline::after(*options_.timeout) : Deadline::never();
    const auto answer = answer_to(request, deadline);
    const std::string_view text(reinterpret_cast<const char*>(answer.body.data()),
                                answer.body.size());
    switch (answer.outcome) {
      case Outcome::reply:
        stats_.count(request.size() + text.size());
        print(text);
        return;
      case Outcome::refused:
        output_.flush();
        complain(options_.program, "request " + std::to_string(number_) + ": " + harmless(text));
        worst_ = Exit::error;
        return;
      case Outcome::timed_out:
        throw Ending(Exit::timed_out,
                     "request " + std::to_string(number_) + " was not answered in time" + so_far());
      case Outcome::closed:
        break;
    }
    throw Ending(Exit::peer_gone, "the server is gone; whether it did what request " +
                                      std::to_string(number_) + " asked is not known" + so_far());
  }

  ipc::rpc::Client::Answer answer_to(std::string_view request, Deadline deadline) {
    switch (client_.begin(std::as_bytes(std::span(request)), deadline)) {
      case ipc::Status::ok:
        break;
      case ipc::Status::timed_out:
        return {Outcome::timed_out, {}};
      case ipc::Status::closed:
      case ipc::Status::died:
        return {Outcome::closed, {}};
    }
    for (;;) {
      const auto answer = client_.finish(Deadline::at_once());
      if (answer.outcome != Outcome::timed_out) return answer;
      if (deadline.expired()) {
        client_.withdraw();
        return answer;
      }
      wait(client_.readiness_fd(), std::min(deadline, Deadline::after(kLook)));
    }
  }

  // Until the descriptor is readable or at its end, or the deadline; throws after a signal.
  void wait(int fd, Deadline deadline) {
    std::array<pollfd, 2> events{{{fd, POLLIN, 0}, {stopping_.fd(), POLLIN, 0}}};
    const timespec left = deadline.left_timespec();
    const timespec* limit = deadline.is_never() ? nullptr : &left;
    // perform_once, since a signal is one of the things that end this wait.
    const ipc::sys::Result waited = ipc::sys::perform_once(
        "ppoll", "sleep until a reply, a signal, or time to look after the server",
        [&] { return ::ppoll(events.data(), events.size(), limit, nullptr); },
        [&] { return "[{fd=" + std::to_string(fd) + ", events=POLLIN}, ...], 2"; });
    if (waited.error != EINTR) waited.check("");
    if (stopping_.signal()) throw Stopped{};
  }

  // A line has one newline at its end, whether its author thought of it or not.
  void print(std::string_view reply) {
    const bool as_line = options_.format.style == Format::Style::line && !options_.format.nul;
    if (as_line && reply.ends_with('\n')) reply.remove_suffix(1);
    line_.clear();
    append(line_, format_, reply, {number_, std::chrono::system_clock::now(), {}});
    output_.write(line_);
    output_.flush();
  }

  static std::string harmless(std::string_view text) {
    std::string line;
    append_harmless(line, text);
    return line;
  }

  std::string so_far() const {
    return stats_.messages() == 0 ? ""
                                  : "; " + std::to_string(stats_.messages()) + " answered before";
  }

  const CallOptions& options_;
  ipc::rpc::Client& client_;
  const Stopping& stopping_;
  Format format_ = options_.format;
  Output output_;
  Stats stats_;
  std::string line_;
  std::uint64_t number_ = 0;
  Exit worst_ = Exit::ok;
};

}  // namespace

int rpc_call_main(int argc, char** argv) {
  std::unique_ptr<Narrator> narrator;
  std::optional<int> signal;
  const Exit code = guarded("rpc-call", [&] {
    const CallOptions options = parse_call(argc, argv);
    narrator = narrate(options.narration);
    auto connection = connect(options);
    const Stopping stopping;
    // Gone, with its inbox, before this process is: also when it ends by a signal.
    ipc::rpc::Client client(*options.kind, options.address, std::move(connection),
                            options.reply_at);
    try {
      return Calling(options, client, stopping).run();
    } catch (const Stopped&) {
      signal = stopping.signal();
      return Exit::error;
    } catch (const OutputGivenUp&) {
      signal = stopping.signal();
      return Exit::error;
    } catch (const OutputClosed&) {
      signal = stopping.end_of_output();
      return Exit::error;
    }
  });
  if (signal) die_of(*signal);
  return static_cast<int>(code);
}

}  // namespace tools

// The receiving loop.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

#include "ipc/kinds.hpp"
#include "ipc/sys/call.hpp"
#include "tools/cli.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/stats.hpp"
#include "tools/cli/stopping.hpp"

namespace tools {
namespace {

constexpr auto kLinger = std::chrono::milliseconds(250);

// How many messages came from each sender that may still be there, for the day it dies.
class Tally {
 public:
  void count(std::uint32_t sender) {
    // Senders that said goodbye are not reported one by one, so among ever new ones the tally would
    // grow for ever. No more than 4096 can be connected; past many times that, start anew.
    if (messages_.size() >= kMost && !messages_.contains(sender)) {
      messages_.clear();
      complete_ = false;
    }
    ++messages_[sender];
  }
  /// "812 messages whole"; and forgets the sender.
  std::string take(std::uint32_t sender) {
    const auto found = messages_.find(sender);
    const std::uint64_t number = found == messages_.end() ? 0 : found->second;
    if (found != messages_.end()) messages_.erase(found);
    return (complete_ ? "" : "at least ") + std::to_string(number) +
           (number == 1 ? " message whole" : " messages whole");
  }
  void clear() {
    messages_.clear();
    complete_ = true;
  }

 private:
  static constexpr std::size_t kMost = 65536;
  std::unordered_map<std::uint32_t, std::uint64_t> messages_;
  bool complete_ = true;
};

// As strace(1) shows them: [{fd=6, events=POLLIN}, {fd=-1}], 2
std::string shown(std::span<const pollfd> events) {
  std::string text;
  for (const pollfd& event : events)
    text += (text.empty() ? "[{fd=" : ", {fd=") + std::to_string(event.fd) +
            (event.fd < 0        ? "}"
             : event.events != 0 ? ", events=POLLIN}"
                                 : ", events=0}");
  return text + "], " + std::to_string(events.size());
}

class Receiving {
 public:
  Receiving(const ReceiveOptions& options, ipc::Receiver& receiver, Stopping& stopping)
      : options_(options),
        receiver_(receiver),
        stopping_(stopping),
        output_(STDOUT_FILENO, [this] { return stopping_.signal().has_value(); }),
        total_(options.total_limit ? ipc::Deadline::after(*options.total_limit)
                                   : ipc::Deadline::never()) {
    options_.format.for_people = ::isatty(STDOUT_FILENO) == 1;
  }

  // Returns when a signal came, too; the caller asks Stopping.
  Exit run() {
    restart_idle();
    while (!stopping_.signal() && go_on()) {
    }
    output_.flush();
    if (options_.stats) say(stats_.sentence());
    return worst_;
  }

 private:
  // Takes one step; false at the end.
  bool go_on() {
    // Asked here as well as in wait(), which a channel that is never empty does not reach.
    if (!total_.is_never() && total_.expired()) throw_timed_out("the time is over");
    const ipc::Received got = receiver_.receive(ipc::Deadline::at_once());
    switch (got.status) {
      case ipc::Status::ok:
        closed_ = false;
        lingering_ = ipc::Deadline::never();
        deliver(got);
        restart_idle();
        return !options_.count || stats_.messages() < *options_.count;
      case ipc::Status::died:
        closed_ = false;
        lingering_ = ipc::Deadline::never();
        report_death(got);
        return true;
      case ipc::Status::closed:
        tally_.clear();
        if (!std::exchange(closed_, true) && !options_.quiet &&
            (options_.format.for_people || options_.verbose))
          say("the last sender has left");
        if (got.for_good) return false;
        if (options_.follow) return true;
        if (options_.kind->traits.named) return false;
        // In `(pipe-send 1; pipe-send 2) | pipe-recv` nobody is connected between the two; that the
        // shell still has the pipe open cannot be told from one that is open for other reasons.
        lingering_ = ipc::Deadline::after(kLinger);
        return true;
      case ipc::Status::timed_out:
        break;
    }
    output_.flush();
    report_foreign();
    if (lingering_.expired()) return false;
    // Here, not after the wait: what has come at the last moment counts.
    if (idle_.expired()) throw_timed_out("nothing has come for too long");
    wait();
    return true;
  }

  void deliver(const ipc::Received& got) {
    stats_.count(got.message.size());
    tally_.count(got.peer.id);
    const std::string_view message(reinterpret_cast<const char*>(got.message.data()),
                                   got.message.size());
    const Arrival arrival{stats_.messages(), std::chrono::system_clock::now(), got.peer};
    if (options_.command.empty()) {
      line_.clear();
      append(line_, options_.format, message, arrival);
      output_.write(line_);
      // The next receive tells that this message may be forgotten, and it must not be in our buffer
      // then: where a killed receiver loses nothing, we lose nothing either.
      if (options_.kind->traits.at_least_once) output_.flush();
      return;
    }
    const std::string ending = run_command(options_.command, message, arrival);
    if (ending.empty()) return;
    say("message " + std::to_string(arrival.number) + ": the command " + ending);
    worst_ = std::max(worst_, Exit::error);
  }

  void report_death(const ipc::Received& got) {
    output_.flush();  // what came before it is read before it
    say("sender " + process_of(got.peer) + " died; " + tally_.take(got.peer.id) +
        (got.unfinished ? ", one unfinished dropped" : ""));
    worst_ = std::max(worst_, Exit::peer_gone);
  }

  void report_foreign() {
    const std::uint64_t skipped = receiver_.foreign_bytes();
    if (foreign_told_ || skipped == 0) return;
    foreign_told_ = true;
    say(std::to_string(skipped) + " bytes skipped: not our framing" +
        (options_.kind->traits.bare ? "; --bare receives from programs that are not ours" : ""));
  }

  // Until the receiver has something, a signal comes or nobody reads our output any more.
  void wait() {
    const ipc::Deadline deadline = std::min({total_, idle_, lingering_});
    // Asking stdout for no event still reports POLLERR, which is how `recv | head` ends when head
    // does, and not only with the next message.
    std::array<pollfd, 3> events{{{receiver_.readiness_fd(), POLLIN, 0},
                                  {stopping_.fd(), POLLIN, 0},
                                  {output_.may_close() ? STDOUT_FILENO : -1, 0, 0}}};
    const timespec left = deadline.left_timespec();
    const timespec* limit = deadline.is_never() ? nullptr : &left;
    // perform_once, since a signal is one of the things that end this wait.
    const ipc::sys::Result waited = ipc::sys::perform_once(
        "ppoll", "sleep until a message, a signal, or the end of who reads our output",
        [&] { return ::ppoll(events.data(), events.size(), limit, nullptr); },
        [&] { return shown(events) + (limit ? ", {...}" : ", NULL") + ", NULL"; });
    if (waited.error != EINTR) waited.check("");
    const long ready = waited.value;
    if (ready > 0 && (events[2].revents & POLLERR) != 0) throw OutputClosed{};
  }

  void restart_idle() {
    if (options_.idle_limit) idle_ = ipc::Deadline::after(*options_.idle_limit);
  }

  [[noreturn]] void throw_timed_out(const std::string& reason) {
    output_.flush();
    if (options_.stats) say(stats_.sentence());
    throw Ending(Exit::timed_out,
                 options_.quiet
                     ? ""
                     : reason + "; " + std::to_string(stats_.messages()) +
                           (options_.count ? " of " + std::to_string(*options_.count) : "") +
                           " messages received");
  }

  void say(const std::string& sentence) const { complain(options_.program, sentence); }

  ReceiveOptions options_;
  ipc::Receiver& receiver_;
  Stopping& stopping_;
  Output output_;
  ipc::Deadline total_;
  ipc::Deadline idle_ = ipc::Deadline::never();
  Stats stats_;
  Tally tally_;
  std::string line_;
  bool foreign_told_ = false;
  bool closed_ = false;                               // the last thing that was told
  ipc::Deadline lingering_ = ipc::Deadline::never();  // for who may follow the last sender
  Exit worst_ = Exit::ok;
};

// What is worth knowing before the first message.
void announce(const ReceiveOptions& options, const ipc::Receiver& receiver) {
  // A receiver that made a nameless channel can be reached by this alone.
  const bool made = !options.kind->traits.named && !options.transport.fd && options.address.empty();
  if (made || options.verbose)
    complain(options.program,
             "receiving at " + receiver.address() +
                 (made ? "; send there: " + options.other_half + " " + receiver.address() : ""));
}

int receive_main(const ipc::Kind* kind, int argc, char** argv) {
  const std::string program = kind ? std::string(kind->name) + "-recv" : argv[0];
  std::unique_ptr<Narrator> narrator;
  std::optional<int> signal;
  const Exit code = guarded(program, [&] {
    const ReceiveOptions options = parse_receive(kind, argc, argv);
    narrator = narrate(options.narration);
    Stopping stopping;
    try {
      // Gone, with its name, before this process is: also when it ends by a signal. If an exception
      // ends it, what could not be written does not count as received.
      const std::unique_ptr<ipc::Receiver> receiver =
          options.kind->listen(options.address, options.transport);
      announce(options, *receiver);
      const Exit end = Receiving(options, *receiver, stopping).run();
      signal = stopping.signal();
      return end;
    } catch (const ipc::Error& error) {
      rethrow_with_remedy(error, options);
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

}  // namespace

int receive_main(const ipc::Kind& kind, int argc, char** argv) {
  return receive_main(&kind, argc, argv);
}
int receive_main(int argc, char** argv) {
  return receive_main(nullptr, argc, argv);
}

}  // namespace tools

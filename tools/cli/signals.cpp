#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/kinds.hpp"
#include "tools/cli.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/stopping.hpp"
#include "tools/cli/values.hpp"

namespace tools {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
// The options of a bare receiver that have a value.
constexpr std::array<std::string_view, 6> kBareValues{"--signal", "--ignore", "-n",
                                                      "--count",  "-t",       "--timeout"};

struct Wanted {
  std::optional<int> signal;
  std::optional<std::uint64_t> count;
  ipc::Deadline deadline = ipc::Deadline::never();
};

// At the end, when more may still be coming: the receiver takes what is left before it unblocks them,
// which must not go on for as long as they come; nor may the one that comes after that kill us.
void ignore_from_now_on(const std::optional<int>& only) {
  sigset_t set;
  sigemptyset(&set);
  if (only) {
    sigaddset(&set, *only);
  } else {
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) sigaddset(&set, number);
  }
  for (int number = 1; number <= SIGRTMAX; ++number)
    if (sigismember(&set, number) == 1) ::signal(number, SIG_IGN);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);  // what is blocked is kept, ignored or not
}

std::uint64_t receive_all(ipc::Receiver& receiver, const Wanted& wanted, const Stopping& stopping,
                          Output& output) {
  std::uint64_t received = 0;
  while (!stopping.signal() && (!wanted.count || received < *wanted.count)) {
    const auto got = receiver.receive(ipc::Deadline::at_once());
    if (got) {
      ++received;
      output.write("handle signal ");
      output.write({reinterpret_cast<const char*>(got.message.data()), got.message.size()});
      output.write("\n");
      output.flush();
    }
    // Whether anything came or not, or the time would never be over while signals keep coming.
    if (!wanted.deadline.is_never() && wanted.deadline.expired()) break;
    if (got) continue;
    // Asking stdout for no event still reports POLLERR, which is how `signal-recv | head -1` ends.
    std::array<pollfd, 3> events{{{receiver.readiness_fd(), POLLIN, 0},
                                  {stopping.fd(), POLLIN, 0},
                                  {output.may_close() ? STDOUT_FILENO : -1, 0, 0}}};
    const timespec left = wanted.deadline.left_timespec();
    const int ready = ::ppoll(events.data(), events.size(),
                              wanted.deadline.is_never() ? nullptr : &left, nullptr);
    if (ready > 0 && (events[2].revents & POLLERR) != 0) throw OutputClosed{};
  }
  return received;
}

// Whether the word is that option with its value: --signal=USR1, -n5.
bool has(std::string_view word, std::string_view option) {
  if (!word.starts_with(option)) return false;
  return word.size() == option.size() || option.size() == 2 || word[option.size()] == '=';
}

// For a receiver there is a choice only if the line has nothing but what a bare one knows: an ADDRESS
// is for messages, and so is any other option.
bool asks_for_bare_receiver(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (const std::string_view word = argv[i]; word == "--bare" || has(word, "--ignore"))
      return true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto is_value = [&](std::string_view option) { return word == option; };
    if (std::ranges::any_of(kBareValues, is_value)) {
      ++i;
    } else if (std::ranges::none_of(kBareValues, [&](auto option) { return has(word, option); })) {
      return false;
    }
  }
  return true;
}

bool asks_for_bare_sender(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (const std::string_view word = argv[i]; word == "--bare" || has(word, "--signal"))
      return true;
  return false;
}

int receive_bare(int argc, char** argv) {
  std::optional<int> ended_by;
  const Exit code = guarded("signal-recv", [&] {
    Wanted wanted;
    bool bare = true;
    CommandLine line("signal-recv", "[OPTION...]", "  signal-recv\n  signal-recv --ignore INT\n",
                     "Prints its pid, and then each signal that it is sent: USR1, USR2 and the "
                     "real-time ones.");
    line.flag("--bare", "Signals as kill(1) sends them; understood without an ADDRESS", bare);
    line.value("--signal", "SIG", "This signal only",
               [&](const std::string& text) { wanted.signal = parse_signal(text); });
    line.values("--ignore", "SIG", "Ignore it, INT for example; again for more",
                [](const std::string& text) {
                  if (std::signal(parse_signal(text), SIG_IGN) == SIG_ERR)
                    throw UsageError("'" + text + "' cannot be ignored, by nobody");
                });
    line.value("-n,--count", "N", "End after so many",
               [&](const std::string& text) { wanted.count = parse_count(text, kAny); });
    line.value("-t,--timeout", "SECONDS", "End after this time", [&](const std::string& text) {
      wanted.deadline = ipc::Deadline::after(parse_duration(text));
    });
    if (!line.parse(argc, argv).empty())
      throw UsageError("without an ADDRESS there are signals, with one messages: leave it out");
    const Stopping stopping;
    ipc::Options options{.bare = true};
    options.signal = wanted.signal;
    Output output(STDOUT_FILENO, [&] { return stopping.signal().has_value(); });
    try {
      const auto receiver = ipc::kinds::signal.listen("", options);
      output.write(receiver->address() + "\n");
      output.flush();
      const auto received = receive_all(*receiver, wanted, stopping, output);
      ignore_from_now_on(wanted.signal);
      complain("signal-recv", "received " + std::to_string(received));
      ended_by = stopping.signal();
      return wanted.count && received < *wanted.count && !ended_by ? Exit::timed_out : Exit::ok;
    } catch (const OutputGivenUp&) {
      ended_by = stopping.signal();
    } catch (const OutputClosed&) {
      ended_by = stopping.end_of_output();
    }
    return Exit::error;
  });
  if (ended_by) die_of(*ended_by);
  return static_cast<int>(code);
}

int send_bare(int argc, char** argv) {
  return static_cast<int>(guarded("signal-send", [&] {
    ipc::Options options{.bare = true};
    bool bare = true;
    std::uint64_t repeat = 1;
    ipc::Deadline deadline = ipc::Deadline::never();
    CommandLine line("signal-send", "[OPTION...] PID [VALUE]",
                     "  signal-send --signal USR1 4711\n  signal-send --signal RTMIN+3 4711 42\n",
                     "Sends a signal to a process, with VALUE as by sigqueue(3).");
    line.flag("--bare", "Signals as kill(1) sends them; understood with --signal", bare);
    line.value("--signal", "SIG", "Which one, by number or name (USR1)",
               [&](const std::string& text) { options.signal = parse_signal(text); });
    line.value("--repeat", "N", "Send it N times",
               [&](const std::string& text) { repeat = parse_count(text, kAny); });
    line.value(
        "-t,--timeout", "SECONDS", "Give up (4) when the queue stays full for so long",
        [&](const std::string& text) { deadline = ipc::Deadline::after(parse_duration(text)); });
    const auto arguments = line.parse(argc, argv);
    if (arguments.empty() || arguments.size() > 2) throw UsageError("a PID, and perhaps a VALUE");
    const auto sender = ipc::kinds::signal.connect(arguments.front().text, options);
    const std::string value = arguments.size() == 2 ? arguments[1].text : "";
    for (std::uint64_t i = 0; i < repeat; ++i) {
      const auto status = sender->send(std::as_bytes(std::span(value)), deadline);
      if (status == ipc::Status::ok) continue;
      throw Ending(status == ipc::Status::closed ? Exit::peer_gone : Exit::timed_out,
                   (status == ipc::Status::closed ? "the process is gone; sent "
                                                  : "its queue stays full; sent ") +
                       std::to_string(i));
    }
    complain("signal-send", "sent " + std::to_string(repeat));
    return Exit::ok;
  }));
}

}  // namespace

int receive_signals_main(int argc, char** argv) {
  return asks_for_bare_receiver(argc, argv) ? receive_bare(argc, argv)
                                            : receive_main(ipc::kinds::signal, argc, argv);
}

int send_signals_main(int argc, char** argv) {
  return asks_for_bare_sender(argc, argv) ? send_bare(argc, argv)
                                          : send_main(ipc::kinds::signal, argc, argv);
}

}  // namespace tools

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

#include "ipc/kinds.hpp"
#include "tools/cli.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
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

std::uint64_t receive_all(ipc::Receiver& receiver, const Wanted& wanted, const Stopping& stopping) {
  std::uint64_t received = 0;
  while (!stopping.signal() && (!wanted.count || received < *wanted.count)) {
    const auto got = receiver.receive(ipc::Deadline::at_once());
    if (got) {
      ++received;
      std::printf("handle signal %.*s\n", static_cast<int>(got.message.size()),
                  reinterpret_cast<const char*>(got.message.data()));
      std::fflush(stdout);
      continue;
    }
    std::array<pollfd, 2> events{
        {{receiver.readiness_fd(), POLLIN, 0}, {stopping.fd(), POLLIN, 0}}};
    const timespec left = wanted.deadline.left_timespec();
    if (::ppoll(events.data(), events.size(), wanted.deadline.is_never() ? nullptr : &left,
                nullptr) == 0 &&
        wanted.deadline.expired())
      break;
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
    const auto receiver = ipc::kinds::signal.listen("", options);
    std::printf("%s\n", receiver->address().c_str());
    std::fflush(stdout);
    const auto received = receive_all(*receiver, wanted, stopping);
    complain("signal-recv", "received " + std::to_string(received));
    ended_by = stopping.signal();
    return wanted.count && received < *wanted.count && !ended_by ? Exit::timed_out : Exit::ok;
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

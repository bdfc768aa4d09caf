// The command lines of the pairs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipc/transport.hpp"
#include "tools/cli/format.hpp"
#include "tools/cli/input.hpp"
#include "tools/explain.hpp"

namespace tools {

class CommandLine;
struct Argument;

/// What both halves of a pair are told.
struct PairOptions {
  const ipc::Kind* kind = nullptr;
  std::string program;  ///< For messages: fifo-send, or ipc send.
  std::string address;
  ipc::Options transport;
  Narration narration = Narration::none;
  bool quiet = false;
  bool verbose = false;
  bool stats = false;

  /// The other half's name, for advice: fifo-recv, or ipc recv --transport fifo.
  std::string other_half;
};

/// A message argument, or the place where stdin comes in.
struct MessageArgument {
  std::string bytes;
  bool is_stdin = false;
};

struct SendOptions : PairOptions {
  std::vector<MessageArgument> messages;  ///< Never empty.
  Cut cut;
  std::uint64_t repeat = 1;  ///< 0: for ever.
  std::chrono::nanoseconds interval{0};
  std::optional<std::chrono::nanoseconds> timeout;  ///< For each message, and for --ack.
  bool wait = false;
  std::optional<std::chrono::nanoseconds> wait_limit;  ///< With wait; none: for ever.
  bool ack = false;
};

struct ReceiveOptions : PairOptions {
  std::optional<std::uint64_t> count;
  std::optional<std::chrono::nanoseconds> idle_limit;
  std::optional<std::chrono::nanoseconds> total_limit;
  bool follow = false;
  Format format;
  std::string command;  ///< With --exec.
};

/// Reads the command line. `kind` is null for the `ipc` command, which takes --transport. Throws
/// UsageError, and Ending with Exit::ok after it has printed what --help or --version asks for.
SendOptions parse_send(const ipc::Kind* kind, int argc, char** argv);
ReceiveOptions parse_receive(const ipc::Kind* kind, int argc, char** argv);

// Parts of these command lines, for other programs that talk over a kind.

/// What a receiver may decide about its channel. With a kind, the options that it knows; without,
/// since it is not known before the line has been read, all.
void add_receiver_options(CommandLine& line, const ipc::Kind* kind, ipc::Options& options);
void add_general_options(CommandLine& line, PairOptions& options);

/// To be called while the error is being caught: throws it on, that of a damaged object which no
/// receiver replaces together with what helps.
[[noreturn]] void rethrow_with_remedy(const ipc::Error& error, const PairOptions& options);

/// The kind where it does not matter which: it proves who speaks, and tells every end at once.
inline constexpr auto kUsualKind = "seqpacket";

/// The kind of a program that is not one kind's own: --transport, else $IPC_TRANSPORT, else
/// `otherwise`.
class KindChoice {
 public:
  /// With a `kind` it is that one, and there is no such option.
  KindChoice(CommandLine& line, const ipc::Kind* kind, const std::string& otherwise = "");
  /// Once the line has been read. Throws UsageError if there is no such kind, or none was named.
  const ipc::Kind& kind() const;

 private:
  const ipc::Kind* own_;
  std::string name_;
};

/// Takes the address off the front of the arguments. In a kind without names `standard_fd` is what "-"
/// stands for, and what is used without any address if it is a pipe.
void take_address(PairOptions& options, std::vector<Argument>& arguments, int standard_fd);

}  // namespace tools

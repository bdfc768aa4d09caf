#include "tools/cli/options.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "ipc/kinds.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/values.hpp"

namespace tools {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

// Whether an option is to be offered: a pair shows those that its kind knows; the ipc command, which
// cannot know the kind before it has read the line, shows all.
auto known_by(const ipc::Kind* kind) {
  return [kind](std::string_view field) {
    return kind == nullptr || std::ranges::find(kind->options, field) != kind->options.end();
  };
}

// The options that set a field of ipc::Options.
void add_transport_options(CommandLine& line, const ipc::Kind* kind, bool listens,
                           ipc::Options& options) {
  const auto knows = known_by(kind);
  line.group("Transport");
  if (kind == nullptr || kind->traits.bare)
    line.flag("--bare",
              kind && knows("signal")
                  ? "Signals as kill(1) sends them; --bare --help tells more"
                  : "Speak with programs that are not ours: no header, no lease",
              options.bare);
  if (knows("abstract"))
    line.flag("--abstract",
              listens ? "A name in the abstract namespace instead of a socket file"
                      : "With --bare: ADDRESS is a name in the abstract namespace",
              options.abstract);
  if (knows("fd"))
    line.value("--fd", "N", "Use this inherited descriptor", [&](const std::string& text) {
      options.fd = static_cast<int>(parse_count(text, std::numeric_limits<int>::max()));
    });
  if (knows("sync"))
    line.flag("--sync", "On the disk before it counts: survives a power cut", options.sync);
  if (!listens && knows("require_receiver"))
    line.flag("--require-receiver",
              "Be refused if nobody receives, and stop when that one ends; --wait wants it too",
              options.require_receiver);
  if (!listens && knows("priority"))
    line.value("--priority", "N", "Higher is received first (0 to 32767)",
               [&](const std::string& text) {
                 options.priority =
                     static_cast<unsigned>(parse_count(text, std::numeric_limits<unsigned>::max()));
               });
  if (knows("signal"))
    line.value("--signal", "SIG",
               listens ? "Use this real-time signal, by number or name (RTMIN+5)"
                       : "With --bare: send this signal (USR1)",
               [&](const std::string& text) { options.signal = parse_signal(text); });
  if (listens) add_receiver_options(line, kind, options);
}

void settle(PairOptions& options, const KindChoice& choice, const char* role, bool own_program) {
  options.kind = &choice.kind();
  const std::string name(options.kind->name);
  options.other_half =
      own_program ? name + "-" + role : std::string("ipc ") + role + " --transport " + name;
}

// The address of a kind without names is a descriptor or a path in /proc, and may be left out; that
// path is what tells it from a first message.
bool is_address(const ipc::Kind& kind, const Argument& argument) {
  if (kind.traits.named) return true;
  return (!argument.literal && argument.text == "-") || argument.text.starts_with("/proc/") ||
         argument.text.starts_with("/dev/fd/");
}

bool is_pipe(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace

void add_receiver_options(CommandLine& line, const ipc::Kind* kind, ipc::Options& options) {
  const auto knows = known_by(kind);
  line.group("Transport");
  if (knows("mode"))
    line.value("--mode", "MODE", "Permissions of what is made, octal (0600)",
               [&](const std::string& text) { options.mode = parse_mode(text); });
  if (knows("max_message"))
    line.value("--max-message", "SIZE", "The longest message to take (16M)",
               [&](const std::string& text) { options.max_message = parse_size(text); });
  if (knows("max_senders"))
    line.value("--max-senders", "N", "How many may be connected at a time (64)",
               [&](const std::string& text) { options.max_senders = parse_count(text, kAny); });
  if (knows("capacity"))
    line.value("--capacity", "SIZE", "How many bytes may wait in the channel",
               [&](const std::string& text) { options.capacity = parse_size(text); });
  if (knows("from_uid"))
    line.value("--from-uid", "UID", "Take messages of this user only",
               [&](const std::string& text) {
                 options.from_uid =
                     static_cast<uid_t>(parse_count(text, std::numeric_limits<uid_t>::max()));
               });
}

void add_general_options(CommandLine& line, PairOptions& options) {
  line.group("General");
  line.flag("-q,--quiet", "No hints on stderr, only errors", options.quiet);
  line.flag("-v,--verbose", "Say on stderr what happens", options.verbose);
  line.flag("--stats", "Say at the end how much it was and how fast", options.stats);
  line.optional_value("--explain", "json", "Show each system call and why it is made",
                      [&](const std::string& text) {
                        if (!text.empty() && text != "json" && text != "text")
                          throw UsageError("'" + text + "' is neither text nor json");
                        options.narration = text == "json" ? Narration::json : Narration::text;
                      });
}

KindChoice::KindChoice(CommandLine& line, const ipc::Kind* kind, const std::string& otherwise)
    : own_(kind), name_(otherwise) {
  if (own_ != nullptr) return;
  line.group("Transport");
  // Nobody changes the environment while options are read.
  if (const char* value = std::getenv("IPC_TRANSPORT"))
    name_ = value;  // NOLINT(concurrency-mt-unsafe)
  line.value("--transport", "KIND",
             "The mechanism ($IPC_TRANSPORT" + (otherwise.empty() ? "" : ", else " + otherwise) +
                 "): " + ipc::kinds::names(),
             [this](const std::string& text) { name_ = text; });
}

const ipc::Kind& KindChoice::kind() const {
  if (own_ != nullptr) return *own_;
  if (name_.empty())
    throw UsageError("which transport? Give --transport or set IPC_TRANSPORT; there are " +
                     ipc::kinds::names());
  const ipc::Kind* found = ipc::kinds::find(name_);
  if (found == nullptr)
    throw UsageError("unknown transport '" + name_ + "'; there are " + ipc::kinds::names());
  return *found;
}

void rethrow_with_remedy(const ipc::Error& error, const PairOptions& options) {
  if (error.trouble() != ipc::Trouble::corrupt || !options.kind->traits.durable) throw;
  throw Ending(Exit::corrupt, error.what() + std::string(" (ipc remove ") + options.address +
                                  " throws it away, with all that is unread)");
}

void take_address(PairOptions& options, std::vector<Argument>& arguments, int standard_fd) {
  const bool named = options.kind->traits.named;
  if (!named && options.transport.fd) return;
  if (!arguments.empty() && is_address(*options.kind, arguments.front())) {
    options.address = arguments.front().text;
    arguments.erase(arguments.begin());
  }
  if (named && options.address.empty())
    throw UsageError("an ADDRESS is missing: a name like demo, or a path (" + options.program +
                     " --help)");
  if (named) return;
  if (options.address == "-" || (options.address.empty() && is_pipe(standard_fd))) {
    options.address.clear();
    options.transport.fd = standard_fd;
  }
}

SendOptions parse_send(const ipc::Kind* kind, int argc, char** argv) {
  SendOptions options;
  options.program = kind ? std::string(kind->name) + "-send" : argv[0];
  const bool nameless = kind != nullptr && !kind->traits.named;
  const std::string self = kind ? options.program : options.program + " --transport fifo";
  const std::string receiver =
      kind ? std::string(kind->name) + "-recv" : "ipc recv --transport fifo";
  const std::string examples =
      nameless ? "  seq 5 | " + self + " | " + receiver + "\n  " + self +
                     " - 'one message' 'another' | " + receiver + "\n  tar c . | " + self +
                     " --chunk 64K | " + receiver + " -f raw | tar t\n"
               : "  " + self + " demo hello 'a second message'\n  seq 5 | " + self +
                     " --wait demo\n  tar c . | " + self + " demo --chunk 64K --ack\n";
  CommandLine line(
      options.program,
      nameless ? "[OPTION...] [ADDRESS|-] [MESSAGE...]" : "[OPTION...] ADDRESS [MESSAGE...]",
      examples,
      "Sends each MESSAGE to the receiver at ADDRESS, or each line of stdin; '-' stands for "
      "stdin.\nEnds with 0 all sent, 1 error, 2 usage, 3 no receiver or it is gone, 4 timed "
      "out, 5 a limit.");
  bool nul = false;
  bool whole = false;
  bool repeats = false;
  line.group("Messages");
  line.flag("-0,--null", "stdin is cut at NUL bytes instead of newlines", nul);
  line.flag("--whole", "All of stdin is one message", whole);
  line.value("--chunk", "SIZE", "stdin is cut every SIZE bytes", [&](const std::string& text) {
    options.cut = {Cut::At::chunk, parse_size(text)};
    if (options.cut.chunk == 0) throw UsageError("a piece has at least one byte");
  });
  line.value("--repeat", "N", "Send the MESSAGEs N times; 0 is for ever",
             [&](const std::string& text) {
               options.repeat = parse_count(text, kAny);
               repeats = true;
             });
  line.value("--interval", "SECONDS", "Pause between two messages",
             [&](const std::string& text) { options.interval = parse_duration(text); });
  line.group("Waiting");
  line.value("-t,--timeout", "SECONDS", "Give up (4) when one message takes longer",
             [&](const std::string& text) { options.timeout = parse_duration(text); });
  line.optional_value("-w,--wait", "SECONDS", "Wait for a receiver to appear (4 if none comes)",
                      [&](const std::string& text) {
                        options.wait = true;
                        options.wait_limit.reset();
                        if (!text.empty()) options.wait_limit = parse_duration(text);
                      });
  line.flag("--ack", "Return when the receiver has taken all (else 3)", options.ack);
  add_general_options(line, options);
  add_transport_options(line, kind, false, options.transport);
  const KindChoice choice(line, kind);

  std::vector<Argument> arguments = line.parse(argc, argv);
  settle(options, choice, "recv", kind != nullptr);
  take_address(options, arguments, STDOUT_FILENO);
  if (!options.kind->traits.named && options.address.empty() && !options.transport.fd)
    throw UsageError("stdout is no pipe; try " + options.program + " | " + options.other_half +
                     ", or give the address that " + options.other_half + " prints");
  if (nul + whole + (options.cut.at == Cut::At::chunk) > 1)
    throw UsageError("--null, --whole and --chunk exclude each other");
  if (nul) options.cut.at = Cut::At::nul;
  if (whole) options.cut.at = Cut::At::end;
  for (Argument& argument : arguments)
    options.messages.push_back({argument.text, !argument.literal && argument.text == "-"});
  if (options.messages.empty()) options.messages.push_back({"", true});
  const bool reads = std::ranges::any_of(options.messages, &MessageArgument::is_stdin);
  if (!reads && options.cut.at != Cut::At::line)
    throw UsageError(
        "--null, --whole and --chunk say how to cut stdin, which is not read when there "
        "are MESSAGEs");
  if (reads && repeats) throw UsageError("--repeat goes with MESSAGEs; stdin comes only once");
  if (options.timeout && options.timeout->count() == 0 && options.ack)
    throw UsageError("--ack needs time: give a longer --timeout");
  return options;
}

ReceiveOptions parse_receive(const ipc::Kind* kind, int argc, char** argv) {
  ReceiveOptions options;
  options.program = kind ? std::string(kind->name) + "-recv" : argv[0];
  const bool nameless = kind != nullptr && !kind->traits.named;
  const std::string self = kind ? options.program : options.program + " --transport fifo";
  const std::string sender = kind ? std::string(kind->name) + "-send" : "ipc send --transport fifo";
  const std::string examples =
      nameless
          ? "  seq 5 | " + sender + " | " + self + "\n  " + sender + " - 'one message' | " + self +
                " -f json\n  " + self + "                (prints an address for " + sender + ")\n"
          : "  " + self + " demo\n  " + self + " demo --follow -f '%t %p: %s'\n  " + self +
                " demo -n 1 -t 5 -x 'wc -c'\n";
  CommandLine line(
      options.program, nameless ? "[OPTION...] [ADDRESS|-]" : "[OPTION...] ADDRESS", examples,
      "Receives messages at ADDRESS and prints each on a line, until the last sender has "
      "left.\nEnds with 0 all well, 1 error, 2 usage, 3 a sender died, 4 timed out, 5 a "
      "limit.");
  line.group("How long");
  line.value("-n,--count", "N", "End after N messages", [&](const std::string& text) {
    options.count = parse_count(text, kAny);
    if (*options.count == 0) throw UsageError("nothing to receive; give at least 1");
  });
  line.value("-t,--timeout", "SECONDS", "End (4) when no message has come for so long",
             [&](const std::string& text) { options.idle_limit = parse_duration(text); });
  line.value("-T,--total-time", "SECONDS", "End (4) after so long in any case",
             [&](const std::string& text) { options.total_limit = parse_duration(text); });
  line.flag("-F,--follow", "Go on after the last sender has left", options.follow);
  line.group("Output");
  bool nul = false;
  line.flag("-0,--null", "End each message with a NUL byte instead of a newline", nul);
  line.value(
      "-f,--format", "FORMAT",
      "line, raw, quoted, hex, json, or a template: %s message, %p pid, %u uid, %t time, %i number",
      [&](const std::string& text) { options.format = parse_format(text); });
  line.value("-x,--exec", "CMD", "Run CMD for each message, which it gets on stdin",
             [&](const std::string& text) { options.command = text; });
  add_general_options(line, options);
  add_transport_options(line, kind, true, options.transport);
  const KindChoice choice(line, kind);

  std::vector<Argument> arguments = line.parse(argc, argv);
  settle(options, choice, "send", kind != nullptr);
  take_address(options, arguments, STDIN_FILENO);
  if (!arguments.empty())
    throw UsageError("'" + arguments.front().text + "': one ADDRESS is enough (" + options.program +
                     " --help)");
  options.format.nul = nul;
  return options;
}

}  // namespace tools

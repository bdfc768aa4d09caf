#include "tools/rpc/options.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/values.hpp"

namespace tools {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMostJobs = 4096;

}  // namespace

ServeOptions parse_serve(int argc, char** argv) {
  ServeOptions options;
  options.program = "rpc-serve";
  CommandLine line(
      "rpc-serve", "[OPTION...] ADDRESS --exec CMD",
      "  rpc-serve demo --exec 'tr a-z A-Z'\n"
      "  rpc-serve --transport fifo lines -j 4 -x 'wc -l'\n"
      "  rpc-serve --transport tcp 4711 -t 10 -x './answer \"$IPC_NUMBER\"'\n",
      "Answers remote calls at ADDRESS: CMD gets each request on stdin, and what it has "
      "written when it ends\nis the reply; if it fails, the caller is told so. Serves "
      "until a signal; then it finishes what it has\nbegun. Ends with 0 all well, 1 "
      "error, 2 usage, 5 a limit.");
  line.group("Requests");
  line.value("-x,--exec", "CMD",
             "Run CMD for each request; IPC_NUMBER, IPC_SENDER_PID ... tell of it",
             [&](const std::string& text) { options.command = text; });
  options.jobs = std::max(1u, std::thread::hardware_concurrency());
  line.value("-j,--jobs", "N",
             "N requests at a time (as many as there are processors: " +
                 std::to_string(options.jobs) + ")",
             [&](const std::string& text) {
               options.jobs = parse_count(text, kMostJobs);
               if (options.jobs == 0) throw UsageError("nothing would be done; give at least 1");
             });
  line.value("-t,--timeout", "SECONDS", "End a CMD that takes longer; the call is refused",
             [&](const std::string& text) { options.time_limit = parse_duration(text); });
  line.value("-n,--count", "N", "End after N requests", [&](const std::string& text) {
    options.count = parse_count(text, kAny);
    if (*options.count == 0) throw UsageError("nothing to serve; give at least 1");
  });
  add_general_options(line, options);
  add_receiver_options(line, nullptr, options.transport);
  const KindChoice choice(line, nullptr, kUsualKind);

  std::vector<Argument> arguments = line.parse(argc, argv);
  options.kind = &choice.kind();
  options.other_half = "rpc-call --transport " + std::string(options.kind->name);
  take_address(options, arguments, -1);
  if (!arguments.empty())
    throw UsageError("'" + arguments.front().text + "': one ADDRESS is enough (rpc-serve --help)");
  if (options.command.empty()) throw UsageError("what shall answer? Give --exec CMD");
  return options;
}

CallOptions parse_call(int argc, char** argv) {
  CallOptions options;
  options.program = "rpc-call";
  CommandLine line(
      "rpc-call", "[OPTION...] ADDRESS [MESSAGE...]",
      "  rpc-call demo hello\n"
      "  seq 5 | rpc-call --transport fifo demo --wait -t 2\n"
      "  rpc-call demo --whole -f raw < picture > larger-picture\n",
      "Calls the server at ADDRESS with each MESSAGE, or each line of stdin, one after "
      "the other, and prints\neach reply; '-' stands for stdin. Ends with 0 all were "
      "answered, 1 refused or error, 2 usage, 3 no\nserver or it is gone, 4 timed "
      "out, 5 a limit.");
  bool nul = false;
  bool whole = false;
  line.group("Requests and replies");
  line.flag("-0,--null", "stdin is cut at NUL bytes, and a NUL byte ends each reply", nul);
  line.flag("--whole", "All of stdin is one request", whole);
  line.value("--repeat", "N", "Call with the MESSAGEs N times", [&](const std::string& text) {
    options.repeat = parse_count(text, kAny);
    if (options.repeat == 0) throw UsageError("nothing to call with; give at least 1");
  });
  line.value("-f,--format", "FORMAT",
             "line, raw, quoted, hex, json, or a template: %s reply, %t time, %i number",
             [&](const std::string& text) { options.format = parse_format(text); });
  line.group("Waiting");
  line.value("-t,--timeout", "SECONDS", "Give up (4) when one reply takes longer",
             [&](const std::string& text) { options.timeout = parse_duration(text); });
  line.optional_value("-w,--wait", "SECONDS", "Wait for a server to appear (4 if none comes)",
                      [&](const std::string& text) {
                        options.wait = true;
                        options.wait_limit.reset();
                        if (!text.empty()) options.wait_limit = parse_duration(text);
                      });
  add_general_options(line, options);
  const KindChoice choice(line, nullptr, kUsualKind);
  line.value("--reply-at", "HOST:PORT",
             "tcp, for a server on another host: where it reaches this one; PORT 0 is any",
             [&](const std::string& text) { options.reply_at = text; });

  std::vector<Argument> arguments = line.parse(argc, argv);
  options.kind = &choice.kind();
  options.other_half = "rpc-serve --transport " + std::string(options.kind->name) + " --exec CMD";
  options.transport.require_receiver = options.kind->traits.durable;
  take_address(options, arguments, -1);
  if (options.address.empty())
    throw UsageError("which server? Give the address that " + options.other_half + " has printed");
  if (nul && whole) throw UsageError("--null and --whole exclude each other");
  if (nul) options.cut.at = Cut::At::nul;
  if (whole) options.cut.at = Cut::At::end;
  options.format.nul = nul;
  for (Argument& argument : arguments)
    options.messages.push_back({argument.text, !argument.literal && argument.text == "-"});
  if (options.messages.empty()) options.messages.push_back({"", true});
  const bool reads = std::ranges::any_of(options.messages, &MessageArgument::is_stdin);
  if (!reads && whole)
    throw UsageError("--whole is about stdin, which is not read when there are MESSAGEs");
  if (reads && options.repeat != 1)
    throw UsageError("--repeat goes with MESSAGEs; stdin comes only once");
  return options;
}

}  // namespace tools

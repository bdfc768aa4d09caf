#include "tools/sync/options.hpp"

#include <sys/resource.h>

#include <array>
#include <cstdio>

#include "tools/cli/stopping.hpp"
#include "tools/cli/values.hpp"

namespace tools {
namespace {

std::string usage_of(SyncLine::Takes takes) {
  switch (takes) {
    case SyncLine::Takes::name:
      break;
    case SyncLine::Takes::name_and_command:
      return "[OPTION...] NAME -- CMD [ARGUMENT...]";
    case SyncLine::Takes::name_and_values:
      return "[OPTION...] NAME [VALUE...]";
  }
  return "[OPTION...] NAME";
}

}  // namespace

ipc::Deadline SyncOptions::deadline() const {
  if (at_once || (limit && limit->count() == 0)) return ipc::Deadline::at_once();
  return limit ? ipc::Deadline::after(*limit) : ipc::Deadline::never();
}

SyncLine::SyncLine(SyncOptions& options, const std::string& program, Takes takes,
                   const std::string& examples, const std::string& summary)
    : options_(options), takes_(takes), line_(program, usage_of(takes), examples, summary) {
  options.program = program;
}

void SyncLine::add_waiting(bool short_n) {
  line_.group("Waiting");
  SyncOptions& options = options_;
  line_.flag(short_n ? "-n,--nonblock" : "--nonblock", "Do not wait", options.at_once);
  line_.value("-w,--timeout", "SECONDS", "Wait no longer than this",
              [&options](const std::string& text) { options.limit = parse_duration(text); });
  line_.value("-E,--conflict-exit-code", "CODE", "What to end with if it was not to be had (4)",
              [&options](const std::string& text) {
                options.conflict = static_cast<int>(parse_count(text, 255));
              });
}

void SyncLine::add_making() {
  SyncOptions& options = options_;
  line_.group("If it is made now");
  line_.value("--mode", "MODE", "Who may use it, as for chmod (0600)",
              [&options](const std::string& text) { options.object.mode = parse_mode(text); });
  line_.value("--max-parties", "N", "How many may use it at a time (256)",
              [&options](const std::string& text) {
                options.object.max_parties =
                    static_cast<std::uint32_t>(parse_count(text, ipc::sync::kMostParties));
              });
}

void SyncLine::parse(int argc, char** argv) {
  SyncOptions& options = options_;
  line_.group("General");
  line_.flag("-q,--quiet", "No hints on stderr, only errors", options.quiet);
  line_.flag("-v,--verbose", "Say on stderr what happens", options.verbose);
  line_.optional_value("--explain", "json", "Show each system call and why it is made",
                       [&options](const std::string& text) {
                         if (!text.empty() && text != "json" && text != "text")
                           throw UsageError("'" + text + "' is neither text nor json");
                         options.narration = text == "json" ? Narration::json : Narration::text;
                       });
  auto arguments = line_.parse(argc, argv);
  const std::string help = " (" + options.program + " --help)";
  if (arguments.empty()) throw UsageError("a NAME is missing: one like demo, or a path" + help);
  options.name = arguments.front().text;
  arguments.erase(arguments.begin());
  if (takes_ == Takes::name && !arguments.empty())
    throw UsageError("'" + arguments.front().text + "': one NAME is enough" + help);
  if (takes_ == Takes::name_and_command && arguments.empty())
    throw UsageError("a CMD is missing, after --" + help);
  auto& rest = takes_ == Takes::name_and_values ? options.values : options.command;
  for (Argument& argument : arguments) rest.push_back(std::move(argument.text));
}

int run_sync(SyncOptions& options, const std::function<void()>& parse,
             const std::function<End(const Interruption&)>& body) {
  End end;
  const Exit code = guarded(options.program, [&] {
    parse();
    const auto narrator = narrate(options.narration);
    const Interruption interruption;
    try {
      end = body(interruption);
    } catch (const Conflict& conflict) {
      if (!options.quiet && !interruption.signal()) complain(options.program, conflict.what());
      end.code = options.conflict;
    }
    if (const auto signal = interruption.signal()) end.signal = *signal;
    return Exit::ok;
  });
  if (code != Exit::ok) return static_cast<int>(code);
  if (end.signal == 0) return end.code;
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // where a command dumped core, one is enough
  die_of(end.signal);
}

std::string seconds(std::chrono::nanoseconds span) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f s", std::chrono::duration<double>(span).count());
  return text.data();
}

}  // namespace tools

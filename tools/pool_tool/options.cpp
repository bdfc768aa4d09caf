#include "tools/pool_tool/options.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/values.hpp"

namespace pool_tool {
namespace {

using tools::UsageError;

constexpr std::uint64_t kMostJobs = 1000;

bool is_program(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

// What execvp(3) would find: looked for once, and not by every worker for every task.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (is_program(name)) return name;
    throw UsageError(name + ": is no program that can be run");
  }
  // Nobody changes the environment while options are read.
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  for (std::string_view rest = path != nullptr ? path : "/usr/bin:/bin"; !rest.empty();) {
    const auto directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
    const std::string candidate = (directory.empty() ? "." : std::string(directory)) + "/" + name;
    if (is_program(candidate)) return candidate;
  }
  throw UsageError(name + ": is no program in $PATH (for shell syntax: -- sh -c '...')");
}

}  // namespace

Options parse(int argc, char** argv) {
  Options options;
  tools::CommandLine line(
      "pool", "[OPTION...] -- CMD [ARGUMENT...]",
      "  ls *.c | pool -j 4 -- xargs wc -l\n"
      "  seq 100 | pool --transport fifo --ordered -- sh -c 'read -r n; echo $((n * n))'\n"
      "  find . -print0 | pool -0 -t 10 -f '%i: %s' -- sha256sum\n",
      "Runs CMD once for each line of stdin, which it gets on its stdin, with several workers at a "
      "time; what it\nwrites is the result, printed as each is done. A task whose worker is killed "
      "goes to another. Ends with 0\nall done, 1 a task failed or error, 2 usage, 5 a limit.");
  line.group("Tasks and results");
  options.jobs = std::max(1u, std::thread::hardware_concurrency());
  line.value("-j,--jobs", "N",
             "N workers (as many as there are processors: " + std::to_string(options.jobs) + ")",
             [&](const std::string& text) {
               options.jobs = static_cast<std::uint32_t>(tools::parse_count(text, kMostJobs));
               if (options.jobs == 0) throw UsageError("nothing would be done; give at least 1");
             });
  bool nul = false;
  line.flag("-0,--null", "Tasks end with a NUL byte instead of a newline, and so do results", nul);
  line.flag("--ordered", "Print results in the order of the tasks", options.ordered);
  line.value("-t,--timeout", "SECONDS", "End a CMD that takes longer; its task has failed",
             [&](const std::string& text) { options.time_limit = tools::parse_duration(text); });
  line.value(
      "-f,--format", "FORMAT",
      "line, raw, quoted, hex, json, or a template: %s result, %t time, %i number of the task",
      [&](const std::string& text) { options.format = tools::parse_format(text); });
  line.group("General");
  line.flag("-q,--quiet", "Do not say which tasks have failed", options.quiet);
  line.flag("-v,--verbose", "Say on stderr what happens", options.verbose);
  line.flag("--stats", "Say at the end how much it was and how fast", options.stats);
  const tools::KindChoice choice(line, nullptr, tools::kUsualKind);

  const auto arguments = line.parse(argc, argv);
  options.kind = &choice.kind();
  if (arguments.empty()) throw UsageError("which command? Give it after -- (pool --help)");
  for (const tools::Argument& argument : arguments) options.command.push_back(argument.text);
  options.command.front() = find_program(options.command.front());
  if (nul) options.separator = '\0';
  options.format.nul = nul;
  return options;
}

}  // namespace pool_tool

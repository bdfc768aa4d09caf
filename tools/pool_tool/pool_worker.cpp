// pool-worker: runs a command on each task that it is given. Started by `pool` (protocol.hpp
// describes the command line); a person has no use for it.
#include <csignal>
#include <cstdint>
#include <exception>
#include <limits>
#include <string>

#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/values.hpp"
#include "tools/pool_tool/worker.hpp"

namespace {

using pool_tool::WorkerOptions;

WorkerOptions parse(int argc, char** argv) {
  WorkerOptions options;
  tools::CommandLine line("pool-worker", "OPTION... -- CMD [ARGUMENT...]",
                          "  pool -j 4 -- CMD          starts four of these\n",
                          "Runs CMD on each task of the pool that started it.");
  const auto number = [&line](const std::string& name, const std::string& help, auto set) {
    line.value(name, "N", help, [set](const std::string& text) {
      set(tools::parse_count(text, std::numeric_limits<std::int32_t>::max()));
    });
  };
  const auto text = [&line](const std::string& name, const std::string& help, std::string& target) {
    line.value(name, "TEXT", help, [&target](const std::string& value) { target = value; });
  };
  text("--transport", "The mechanism, as the pool's", options.transport);
  text("--inbox", "Where to listen", options.inbox);
  text("--master", "Where the pool listens", options.master);
  line.value("--run", "HEX", "The pool's run, 16 hexadecimal digits",
             [&](const std::string& value) {
               const auto run = pool::parse_run(value);
               if (!run) throw tools::UsageError("16 hexadecimal digits are wanted");
               options.run = *run;
             });
  number("--slot", "Which worker this is",
         [&](std::uint64_t value) { options.slot = static_cast<std::uint32_t>(value); });
  number("--generation", "Which life of it",
         [&](std::uint64_t value) { options.generation = static_cast<std::uint32_t>(value); });
  number("--inbox-fd", "An inherited descriptor in place of --inbox",
         [&](std::uint64_t value) { options.inbox_fd = static_cast<int>(value); });
  number("--master-fd", "An inherited descriptor in place of --master",
         [&](std::uint64_t value) { options.master_fd = static_cast<int>(value); });
  number("--lifeline-fd", "Ends this process when it is closed",
         [&](std::uint64_t value) { options.lifeline_fd = static_cast<int>(value); });
  number("--capacity", "Bytes that may wait in the inbox",
         [&](std::uint64_t value) { options.capacity = value; });
  line.value("--timeout", "SECONDS", "End a CMD that takes longer",
             [&](const std::string& value) { options.time_limit = tools::parse_duration(value); });
  for (tools::Argument& argument : line.parse(argc, argv))
    options.command.push_back(std::move(argument.text));
  if (options.run == 0 || options.slot == 0 || !options.lifeline_fd || options.command.empty())
    throw tools::UsageError("is started by pool");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  return static_cast<int>(tools::guarded("pool-worker", [&] {
    const WorkerOptions options = parse(argc, argv);
    std::signal(SIGPIPE, SIG_IGN);  // writes say EPIPE
    pool_tool::Worker(options).run();
    return tools::Exit::ok;
  }));
}

#include <chrono>
#include <cstdlib>

#include "ipc/sync/mutex.hpp"
#include "tools/sync.hpp"
#include "tools/sync/guarded_command.hpp"
#include "tools/sync/options.hpp"

namespace tools {
namespace {

using ipc::sync::Outcome;

std::string who_has(const ipc::sync::Mutex& mutex) {
  const auto pid = mutex.holder();
  return mutex.path().full() + ": is held by " +
         (pid ? "process " + std::to_string(*pid) : "another process");
}

}  // namespace

int lock_run_main(int argc, char** argv) {
  SyncOptions options;
  const auto parse = [&] {
    SyncLine line(options, "lock-run", SyncLine::Takes::name_and_command,
                  "  lock-run demo -- sh -c 'echo $((1 + $(cat total))) > total'\n"
                  "  lock-run -n demo -- make || echo 'somebody else is at it'\n"
                  "  lock-run demo -w 10 --explain -- sleep 1\n",
                  "Runs CMD while it has the mutex NAME: of all who do so, one at a time. A holder "
                  "that is killed\nfrees it at once; CMD then finds IPC_OWNER_DIED=1.\nEnds as CMD "
                  "does; else with 1 error, 2 usage, 4 not to be had in time, 5 a limit, 6 NAME "
                  "is\nsomething else, 126 or 127 CMD cannot be run.");
    line.add_waiting();
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    ipc::sync::Mutex mutex(options.name, options.object);
    mutex.heed(interruption.word());
    const auto begin = std::chrono::steady_clock::now();
    const Outcome outcome = mutex.lock(options.deadline());
    if (outcome == Outcome::timed_out) throw Conflict(who_has(mutex));
    if (options.verbose)
      complain(options.program,
               "has it after " + seconds(std::chrono::steady_clock::now() - begin));
    std::vector<std::string> variables;
    // What an outer lock-run has told us is about its lock.
    ::unsetenv("IPC_OWNER_DIED");  // NOLINT(concurrency-mt-unsafe): one thread
    if (outcome == Outcome::owner_died) {
      variables.emplace_back("IPC_OWNER_DIED=1");
      if (!options.quiet)
        complain(options.program,
                 mutex.path().full() + ": its last holder died; what it was at may be half done");
    }
    const auto end = run_guarded(options, interruption, variables);
    // What was not run has repaired nothing; then the next one is to be told of that death.
    if (end || outcome == Outcome::ok) mutex.unlock();
    return end.value_or(End{});
  });
}

}  // namespace tools

#include "ipc/sync/barrier.hpp"

#include <optional>

#include "tools/cli/values.hpp"
#include "tools/sync.hpp"
#include "tools/sync/options.hpp"

namespace tools {

int barrier_wait_main(int argc, char** argv) {
  SyncOptions options;
  std::optional<std::uint32_t> count;
  const auto parse = [&] {
    SyncLine line(options, "barrier-wait", SyncLine::Takes::name,
                  "  for i in 1 2 3; do (sleep $i; barrier-wait demo -n 3; date) & done\n"
                  "  barrier-wait demo -n 3 -w 10 || echo 'not all have come'\n"
                  "  barrier-wait -v demo -n 3\n",
                  "Waits until N wait at the barrier NAME; then all go on at once. One that is "
                  "killed is not counted.\nEnds with 0 all were there, 1 error, 2 usage, or "
                  "another N than the others', 4 not in time, 5 a\nlimit, 6 NAME is something "
                  "else.");
    line.line().value("-n,--parties", "N", "How many meet", [&](const std::string& text) {
      count = static_cast<std::uint32_t>(parse_count(text, ipc::sync::kMostParties));
    });
    line.add_waiting(false);
    line.add_making();
    line.parse(argc, argv);
    if (!count) throw UsageError("how many meet? Give -n N (barrier-wait --help)");
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    // So many places at the least, unless somebody has said how many.
    if (options.object.max_parties == ipc::sync::kUsualParties)
      options.object.max_parties = std::max(options.object.max_parties, *count);
    ipc::sync::Barrier barrier(options.name, *count, options.object);
    barrier.heed(interruption.word());
    const auto met = barrier.wait(options.deadline());
    if (!met)
      throw Conflict(barrier.path().full() + ": not all " + std::to_string(*count) + " have come");
    if (options.verbose)
      complain(options.program, met.last ? "all are here; this was the last" : "all are here");
    return End{};
  });
}

}  // namespace tools

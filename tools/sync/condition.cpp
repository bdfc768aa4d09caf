#include "ipc/sync/condition.hpp"

#include "tools/sync.hpp"
#include "tools/sync/options.hpp"

namespace tools {
namespace {

using ipc::sync::Condition;

constexpr const char* kExamples =
    "  cond-wait news -w 60 && cat news.txt &\n"
    "  cond-notify news\n"
    "  cond-notify --all -v news\n";

}  // namespace

int cond_wait_main(int argc, char** argv) {
  SyncOptions options;
  const auto parse = [&] {
    SyncLine line(options, "cond-wait", SyncLine::Takes::name, kExamples,
                  "Waits to be notified by cond-notify. What is notified before it waits is not "
                  "for it; if that\nmatters take an event, which stays set, or a semaphore, which "
                  "counts.\nEnds with 0 notified, 1 error, 2 usage, 4 not in time, 5 a limit, 6 "
                  "NAME is something else.");
    line.add_waiting();
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    Condition condition(options.name, options.object);
    condition.heed(interruption.word());
    if (condition.wait(options.deadline()) != ipc::sync::Outcome::ok)
      throw Conflict(condition.path().full() + ": was not notified");
    return End{};
  });
}

int cond_notify_main(int argc, char** argv) {
  SyncOptions options;
  bool all = false;
  const auto parse = [&] {
    SyncLine line(options, "cond-notify", SyncLine::Takes::name, kExamples,
                  "Lets the one go that waits longest in cond-wait NAME, or all. If nobody waits "
                  "nothing happens.\nEnds with 0 done, 1 error, 2 usage, 5 a limit, 6 NAME is "
                  "something else.");
    line.line().flag("-a,--all", "All who wait", all);
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption&) {
    Condition condition(options.name, options.object);
    const std::uint32_t count = all ? condition.notify_all() : condition.notify_one() ? 1 : 0;
    if (options.verbose) complain(options.program, "notified " + std::to_string(count));
    return End{};
  });
}

}  // namespace tools

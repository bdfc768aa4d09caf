#include "ipc/sync/event.hpp"

#include "tools/sync.hpp"
#include "tools/sync/options.hpp"

namespace tools {
namespace {

using ipc::sync::Event;

constexpr const char* kExamples =
    "  event-wait ready && echo 'it has happened' &\n"
    "  event-set ready\n"
    "  event-clear ready\n";

int change(const char* program, const char* summary, void (Event::*act)(), int argc, char** argv) {
  SyncOptions options;
  const auto parse = [&] {
    SyncLine line(options, program, SyncLine::Takes::name, kExamples,
                  std::string(summary) +
                      "\nEnds with 0 done, 1 error, 2 usage, 5 a limit, 6 NAME is something else.");
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption&) {
    Event event(options.name, options.object);
    (event.*act)();
    return End{};
  });
}

}  // namespace

int event_wait_main(int argc, char** argv) {
  SyncOptions options;
  const auto parse = [&] {
    SyncLine line(options, "event-wait", SyncLine::Takes::name, kExamples,
                  "Waits until the event NAME is set; if it is, does not wait.\nEnds with 0 it is "
                  "set, 1 error, 2 usage, 4 not in time, 5 a limit, 6 NAME is something else.");
    line.add_waiting();
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    Event event(options.name, options.object);
    event.heed(interruption.word());
    if (event.wait(options.deadline()) != ipc::sync::Outcome::ok)
      throw Conflict(event.path().full() + ": is not set");
    return End{};
  });
}

int event_set_main(int argc, char** argv) {
  return change("event-set",
                "Sets the event NAME: all who wait for it go on, and all who come, until it is "
                "cleared.\nIt stays set when nobody uses it.",
                &Event::set, argc, argv);
}

int event_clear_main(int argc, char** argv) {
  return change("event-clear", "Clears the event NAME: who comes from now on waits.", &Event::clear,
                argc, argv);
}

}  // namespace tools

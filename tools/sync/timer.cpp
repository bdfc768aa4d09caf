#include "ipc/sync/timer.hpp"

#include <optional>

#include "tools/cli/values.hpp"
#include "tools/sync.hpp"
#include "tools/sync/options.hpp"

namespace tools {
namespace {

using ipc::sync::Timer;
using std::chrono::nanoseconds;

constexpr const char* kExamples =
    "  timer-wait demo --in 2 && echo 'two seconds later' &\n"
    "  while timer-wait tick --every 1; do date; done\n"
    "  timer-set tick --off\n";

// When a timer is to be due.
struct Setting {
  std::optional<nanoseconds> in;
  std::optional<nanoseconds> every;

  void add_to(CommandLine& line) {
    line.value("--in", "SECONDS", "Due once, after this time",
               [this](const std::string& text) { in = parse_duration(text); });
    line.value("--every", "SECONDS", "Due again and again", [this](const std::string& text) {
      every = parse_duration(text);
      if (every->count() == 0) throw UsageError("a period must be longer than nothing");
    });
  }
  bool is_given() const { return in || every; }
  Timer::Clock::time_point due() const {
    return Timer::Clock::now() + in.value_or(every.value_or(nanoseconds(0)));
  }
  nanoseconds period() const { return every.value_or(nanoseconds(0)); }
};

}  // namespace

int timer_wait_main(int argc, char** argv) {
  SyncOptions options;
  Setting setting;
  const auto parse = [&] {
    SyncLine line(options, "timer-wait", SyncLine::Takes::name, kExamples,
                  "Waits until the timer NAME is due next; all who wait go on at the same moment. "
                  "With --in or --every\nit is started if it is off, else the time that it has "
                  "counts. One that is due again and again runs\nuntil timer-set --off.\nEnds "
                  "with 0 it was due, 1 error, 2 usage, 4 not in time, 5 a limit, 6 NAME is "
                  "something else.");
    setting.add_to(line.line());
    line.add_waiting();
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    Timer timer(options.name, options.object);
    timer.heed(interruption.word());
    if (setting.is_given()) timer.start_if_off(setting.due(), setting.period());
    if (timer.wait(options.deadline()) != ipc::sync::Outcome::ok)
      throw Conflict(timer.path().full() + ": was not due");
    return End{};
  });
}

int timer_set_main(int argc, char** argv) {
  SyncOptions options;
  Setting setting;
  bool off = false;
  const auto parse = [&] {
    SyncLine line(options, "timer-set", SyncLine::Takes::name, kExamples,
                  "Starts the timer NAME, or sets it anew, for all who wait for it, or stops it. "
                  "It runs on when nobody\nuses it.\nEnds with 0 done, 1 error, 2 usage, 5 a "
                  "limit, 6 NAME is something else.");
    setting.add_to(line.line());
    line.line().flag("--off", "Stop it", off);
    line.add_making();
    line.parse(argc, argv);
    if (off == setting.is_given())
      throw UsageError("give --in, --every or both, or --off (timer-set --help)");
  };
  return run_sync(options, parse, [&](const Interruption&) {
    Timer timer(options.name, options.object);
    if (off)
      timer.stop();
    else
      timer.start(setting.due(), setting.period());
    return End{};
  });
}

}  // namespace tools

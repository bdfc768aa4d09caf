#include "ipc/sync/semaphore.hpp"

#include <chrono>
#include <optional>

#include "tools/cli/values.hpp"
#include "tools/sync.hpp"
#include "tools/sync/guarded_command.hpp"
#include "tools/sync/options.hpp"

namespace tools {
namespace {

using ipc::sync::Found;
using ipc::sync::Outcome;
using ipc::sync::Permits;
using ipc::sync::Semaphore;

// With which numbers it is made; if none is given, one that is there is as good.
struct Numbers {
  std::optional<std::uint32_t> initial;
  std::optional<std::uint32_t> most;

  void add_to(CommandLine& line) {
    line.group("If it is made now");
    line.value("--initial", "N", "How many permits there are at first (0)",
               [this](const std::string& text) { initial = parse(text); });
    line.value("--most", "N", "How many there may be (2147483647)",
               [this](const std::string& text) { most = parse(text); });
  }
  Permits permits() const { return {initial.value_or(0), most.value_or(ipc::sync::kMostPermits)}; }
  Found found() const { return initial || most ? Found::must_agree : Found::as_it_is; }

  static std::uint32_t parse(const std::string& text) {
    return static_cast<std::uint32_t>(parse_count(text, ipc::sync::kMostPermits));
  }
};

std::string no_permit(const Semaphore& semaphore) {
  return semaphore.path().full() + ": there is no permit";
}

}  // namespace

int sem_run_main(int argc, char** argv) {
  SyncOptions options;
  std::optional<std::uint32_t> permits;
  const auto parse = [&] {
    SyncLine line(
        options, "sem-run", SyncLine::Takes::name_and_command,
        "  for page in 1 2 3 4 5 6; do sem-run demo -j 3 -- sh -c \"sleep 1; echo $page\" & done\n"
        "  sem-run demo -n -j 3 -- true || echo 'three are at it'\n"
        "  sem-run -j 2 demo -w 10 -v -- gzip big.log\n",
        "Runs CMD while it holds a permit of the semaphore NAME: of all who do so, N at a time. "
        "The permit\nof one that is killed comes back at once.\nEnds as CMD does; else with 1 "
        "error, 2 usage, or another N than the others', 4 not to be had in\ntime, 5 a limit, 6 "
        "NAME is something else, 126 or 127 CMD cannot be run.");
    line.line().value("-j,--jobs", "N", "How many may run at a time (1)",
                      [&](const std::string& text) { permits = Numbers::parse(text); });
    line.add_waiting();
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    const auto count = permits.value_or(1);
    Semaphore semaphore(options.name, {count, count}, options.object,
                        permits ? Found::must_agree : Found::as_it_is);
    semaphore.heed(interruption.word());
    const auto begin = std::chrono::steady_clock::now();
    if (semaphore.acquire(options.deadline()) != Outcome::ok) throw Conflict(no_permit(semaphore));
    if (options.verbose)
      complain(options.program,
               "has a permit after " + seconds(std::chrono::steady_clock::now() - begin));
    const auto end = run_guarded(options, interruption, {});
    semaphore.release();
    return end.value_or(End{});
  });
}

int sem_wait_main(int argc, char** argv) {
  SyncOptions options;
  Numbers numbers;
  const auto parse = [&] {
    SyncLine line(options, "sem-wait", SyncLine::Takes::name,
                  "  sem-wait demo && echo 'somebody has posted'\n"
                  "  while sem-wait demo -w 60; do make; done\n"
                  "  sem-wait -n demo --initial 3 || echo 'all three are used up'\n",
                  "Takes a permit of the semaphore NAME for good, as sem_wait(3) does; waits until "
                  "there is one.\nNobody holds it afterwards: sem-post makes another. For a permit "
                  "that comes back by itself: sem-run.\nEnds with 0 taken, 1 error, 2 usage, 4 not "
                  "to be had in time, 5 a limit, 6 NAME is something else.");
    line.add_waiting();
    numbers.add_to(line.line());
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    Semaphore semaphore(options.name, numbers.permits(), options.object, numbers.found());
    semaphore.heed(interruption.word());
    if (semaphore.consume(options.deadline()) != Outcome::ok) throw Conflict(no_permit(semaphore));
    if (options.verbose) complain(options.program, std::to_string(semaphore.value()) + " are left");
    return End{};
  });
}

int sem_post_main(int argc, char** argv) {
  SyncOptions options;
  Numbers numbers;
  std::uint32_t count = 1;
  const auto parse = [&] {
    SyncLine line(options, "sem-post", SyncLine::Takes::name,
                  "  sem-post demo\n  sem-post demo --count 5\n"
                  "  sem-post demo --most 3 || echo 'three are waiting to be taken'\n",
                  "Makes a permit of the semaphore NAME, for whoever waits for one or comes later "
                  "(sem-wait, sem-run).\nIt stays when nobody uses the semaphore.\nEnds with 0 "
                  "made, 1 error, 2 usage, 5 a limit: there are as many as may be, 6 NAME is "
                  "something\nelse.");
    line.line().value("-c,--count", "N", "Make so many, or none (1)",
                      [&](const std::string& text) { count = Numbers::parse(text); });
    numbers.add_to(line.line());
    line.add_making();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption&) {
    Semaphore semaphore(options.name, numbers.permits(), options.object, numbers.found());
    semaphore.post(count);
    if (options.verbose)
      complain(options.program, std::to_string(semaphore.value()) + " can be had");
    return End{};
  });
}

}  // namespace tools

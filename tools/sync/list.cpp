#include "ipc/sync/list.hpp"

#include <unistd.h>

#include <limits>

#include "tools/cli/format.hpp"
#include "tools/cli/input.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/values.hpp"
#include "tools/sync.hpp"
#include "tools/sync/options.hpp"

namespace tools {
namespace {

using ipc::sync::List;
using ipc::sync::Outcome;
using ipc::sync::Values;
using Side = ipc::sync::End;

constexpr const char* kExamples =
    "  list-push demo one two 'and three'\n"
    "  seq 100 | list-push demo\n"
    "  while task=$(list-pop demo --front -w 10); do echo \"$task\"; done\n";

// At which end.
struct Sides {
  bool front = false;
  bool back = false;

  void add_to(CommandLine& line, const std::string& act) {
    line.flag("--front", act + " the front", front);
    line.flag("--back", act + " the back, which is usual", back);
  }
  Side chosen() const {
    if (front && back) throw UsageError("--front or --back: one of them");
    return front ? Side::front : Side::back;
  }
};

// How values are printed.
struct Printing {
  Format format;
  bool as_json = false;

  void add_to(CommandLine& line) {
    line.group("Output");
    line.value("-f,--format", "FORMAT", "line, raw, quoted or hex",
               [this](const std::string& text) {
                 format.style = parse_format(text).style;
                 if (format.style > Format::Style::hex)
                   throw UsageError("'" + text + "': there are line, raw, quoted and hex");
               });
    line.flag("-0,--null", "A NUL byte after each instead of a newline", format.nul);
    line.flag("--json", "All in one JSON array", as_json);
  }
  /// With the list closed: who waits for a slow reader of our stdout holds up nobody, and may be ended.
  void print(const Values& values, const Interruption& interruption) {
    interruption.stand_down();
    Output out(STDOUT_FILENO, [] { return false; });
    format.for_people = ::isatty(STDOUT_FILENO) == 1;
    std::string text;
    for (const std::string& value : values) {
      if (as_json) {
        text += &value == &values.front() ? '[' : ',';
        append_json(text, value);
      } else {
        append(text, format, value, {});
      }
      if (text.size() < (1 << 16)) continue;
      out.write(text);
      text.clear();
    }
    if (as_json) text += values.empty() ? "[]\n" : "]\n";
    out.write(text);
    out.flush();
  }
};

[[noreturn]] void give_up(const List& list) {
  throw Conflict(list.path().full() + ": others were at it all the time");
}

// What stdin holds, as it comes: whatever can be read at once goes in at once.
void push_input(List& list, Side side, const Cut& cut, const SyncOptions& options,
                const Interruption& interruption) {
  Values batch;
  const auto push = [&] {
    const std::vector<std::string_view> values(batch.begin(), batch.end());
    if (list.push(side, values, options.deadline()) != Outcome::ok) give_up(list);
    batch.clear();
  };
  Input input(STDIN_FILENO, cut, ipc::sync::kMostListBytes, [&] {
    push();
    interruption.wait_readable(STDIN_FILENO);
    // Between reads, so that whatever has been read is in the list.
    if (interruption.signal()) throw Conflict("");
  });
  while (const auto value = input.next()) batch.emplace_back(*value);
  push();
}

}  // namespace

int list_push_main(int argc, char** argv) {
  SyncOptions options;
  Sides sides;
  Cut cut;
  bool at_nul = false;
  const auto parse = [&] {
    SyncLine line(
        options, "list-push", SyncLine::Takes::name_and_values, kExamples,
        "Puts each VALUE, or each line of stdin, into the list NAME. All VALUEs are in, or "
        "if it fails or is\nkilled none. The list stays until it is empty or removed.\nEnds "
        "with 0 all are in, 1 error, 2 usage, 4 not in time, 5 a limit, 6 NAME is something "
        "else or damaged.");
    sides.add_to(line.line(), "Put them in at");
    line.line().flag("-0,--null", "stdin's values end with NUL instead of newline", at_nul);
    line.add_waiting();
    line.parse(argc, argv);
    if (at_nul) cut.at = Cut::At::nul;
    (void)sides.chosen();
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    List list(options.name);
    list.heed(interruption.word());
    if (options.values.empty()) {
      push_input(list, sides.chosen(), cut, options, interruption);
    } else {
      const std::vector<std::string_view> values(options.values.begin(), options.values.end());
      if (list.push(sides.chosen(), values, options.deadline()) != Outcome::ok) give_up(list);
    }
    return End{};
  });
}

int list_pop_main(int argc, char** argv) {
  SyncOptions options;
  Sides sides;
  Printing printing;
  std::size_t most = 1;
  bool all = false;
  const auto parse = [&] {
    SyncLine line(
        options, "list-pop", SyncLine::Takes::name, kExamples,
        "Takes a value off the list NAME and prints it; waits until there is one.\nEnds "
        "with 0 taken, 1 error, 2 usage, 4 not in time, 5 a limit, 6 NAME is something else "
        "or damaged.");
    sides.add_to(line.line(), "Take it off at");
    line.line().value("-c,--count", "N", "As many as there are, up to N (1)",
                      [&](const std::string& text) {
                        most = parse_count(text, std::numeric_limits<std::int64_t>::max());
                        if (most == 0) throw UsageError("give at least 1");
                      });
    line.line().flag("--all", "All there are", all);
    printing.add_to(line.line());
    line.add_waiting();
    line.parse(argc, argv);
    (void)sides.chosen();
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    if (all) most = std::numeric_limits<std::size_t>::max();
    Values values;
    {
      List list(options.name);
      list.heed(interruption.word());
      auto popped = list.pop(sides.chosen(), most, options.deadline());
      if (!popped) throw Conflict(list.path().full() + ": nothing was to be had");
      values = std::move(popped.values);
    }
    printing.print(values, interruption);
    return End{};
  });
}

int list_show_main(int argc, char** argv) {
  SyncOptions options;
  Printing printing;
  const auto parse = [&] {
    SyncLine line(
        options, "list-show", SyncLine::Takes::name, kExamples,
        "Prints all values of the list NAME, the front first, as they are at one moment. "
        "Waits for nobody.\nEnds with 0 printed, 1 error, 2 usage, 6 NAME is something else "
        "or damaged.");
    printing.add_to(line.line());
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    const Values values = List(options.name).values();
    printing.print(values, interruption);
    return End{};
  });
}

int list_remove_main(int argc, char** argv) {
  SyncOptions options;
  const auto parse = [&] {
    SyncLine line(
        options, "list-remove", SyncLine::Takes::name, kExamples,
        "Takes everything off the list NAME, be it damaged; its name goes as soon as nobody "
        "uses it.\nEnds with 0 removed, 1 error, 2 usage, 4 not in time, 6 NAME is something "
        "else.");
    line.add_waiting();
    line.parse(argc, argv);
  };
  return run_sync(options, parse, [&](const Interruption& interruption) {
    List list(options.name);
    list.heed(interruption.word());
    if (list.clear(options.deadline()) != Outcome::ok) give_up(list);
    return End{};
  });
}

}  // namespace tools

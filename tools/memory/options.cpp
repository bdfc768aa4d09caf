#include "tools/memory/options.hpp"

#include <limits>

#include "tools/cli/exit.hpp"
#include "tools/cli/values.hpp"
#include "tools/memory/mapped_file.hpp"

namespace tools {
namespace {

constexpr auto kAny = std::numeric_limits<std::int64_t>::max();

const char* word_of(MemoryHome home) {
  return home == MemoryHome::file ? "FILE" : "NAME";
}

void add_items(CommandLine& line, MemoryOptions& options) {
  line.group("Where");
  line.value("--at", "OFFSET", "From this byte on (0); below 0 from the end",
             [&](const std::string& text) { options.at = parse_position(text); });
  line.value("--type", "CODE",
             "Values instead of bytes: b B h H i I q Q f d, as in Python's struct and array",
             [&](const std::string& text) { options.type = parse_type(text); });
  line.value("--index", "N", "With --type: the N-th value, from 0; below 0 from the end",
             [&](const std::string& text) { options.index = parse_position(text); });
  line.value("--count", "N", "With --type: so many values", [&](const std::string& text) {
    options.count = static_cast<std::size_t>(parse_count(text, kAny));
    if (*options.count == 0) throw UsageError("give at least 1");
  });
}

void add_general(CommandLine& line, MemoryOptions& options) {
  line.group("General");
  line.optional_value("--explain", "json", "Show each system call and why it is made",
                      [&](const std::string& text) {
                        if (!text.empty() && text != "json" && text != "text")
                          throw UsageError("'" + text + "' is neither text nor json");
                        options.narration = text == "json" ? Narration::json : Narration::text;
                      });
}

// Takes the name off the arguments, and checks what goes with what.
void settle(MemoryOptions& options, MemoryHome home, std::vector<Argument>& arguments) {
  const std::string help = " (" + options.program + " --help)";
  if (arguments.empty()) throw UsageError(std::string("a ") + word_of(home) + " is missing" + help);
  options.name = arguments.front().text;
  options.path = path_of(home, options.name);
  arguments.erase(arguments.begin());
  if (!options.type && (options.index || options.count))
    throw UsageError("--index and --count are of values: give their --type; bytes have --at");
}

}  // namespace

PeekOptions parse_peek(MemoryHome home, int argc, char** argv) {
  PeekOptions options;
  options.program = home == MemoryHome::file ? "mmap-peek" : "shm-peek";
  const std::string name = home == MemoryHome::file ? "hello.txt" : "numbers";
  CommandLine line(options.program, std::string("[OPTION...] ") + word_of(home),
                   "  " + options.program + " " + name + " --slice 0:5\n  " + options.program +
                       " " + name + " --line\n  " + options.program + " " + name +
                       " --type i --index 2\n",
                   std::string("Prints bytes or values of a ") +
                       (home == MemoryHome::file ? "file" : "POSIX shared memory segment") +
                       " where they lie in memory; all of it if nothing else is said.\nEnds with 0 "
                       "all well, 1 error, 2 usage, 6 somebody truncated it meanwhile.");
  line.group("What");
  line.value("--slice", "FROM:TO", "Bytes or values FROM up to TO, as in Python",
             [&](const std::string& text) { options.slice = parse_slice(text); });
  line.flag("--line", "Up to the first newline", options.line);
  add_items(line, options);
  line.group("Output");
  line.value("-f,--format", "FORMAT", "Of bytes: line, raw, quoted or hex",
             [&](const std::string& text) {
               options.format = parse_format(text);
               if (options.format->style > Format::Style::hex)
                 throw UsageError("'" + text + "': there are line, raw, quoted and hex");
             });
  add_general(line, options);
  auto arguments = line.parse(argc, argv);
  settle(options, home, arguments);
  if (!arguments.empty())
    throw UsageError("'" + arguments.front().text + "': one " + word_of(home) + " is enough");
  if (options.type && (options.line || options.format))
    throw UsageError("--line and --format are of bytes; values of a --type stand one on a line");
  if (options.slice && (options.line || options.index || options.count))
    throw UsageError("--slice goes without --line, --index and --count");
  return options;
}

PokeOptions parse_poke(MemoryHome home, int argc, char** argv) {
  PokeOptions options;
  const bool is_file = home == MemoryHome::file;
  options.program = is_file ? "mmap-poke" : "shm-poke";
  const std::string self = "  " + options.program + (is_file ? " hello.txt" : " numbers");
  CommandLine line(
      options.program, std::string("[OPTION...] ") + word_of(home) + " [BYTES | VALUE...]",
      (is_file ? self + " --at 7 'world!'\n" : self + " --create 40 --type i --count 10 0\n") +
          self + " --type i --index 2 42 43\n" + self + " --type i --index 2 --add 1\n",
      std::string("Stores BYTES, or values of a type, in a ") +
          (is_file ? "file" : "POSIX shared memory segment") +
          " where they lie in memory; '-' stands for stdin.\nEnds with 0 all stored, 1 error, "
          "2 usage, 5 no room, 6 somebody truncated it meanwhile.");
  line.group("What");
  line.value("--add", "N", "With --type: add N in one step and print the sum; none is ever lost",
             [&](const std::string& text) { options.add = text; });
  line.value("--create", "SIZE", "If it is not there: make it, SIZE zero bytes long",
             [&](const std::string& text) {
               options.create = parse_size(text);
               if (*options.create == 0 || *options.create > static_cast<std::size_t>(kAny))
                 throw UsageError("give at least 1 byte, and no more than a file can have");
             });
  line.value("--mode", "MODE", "With --create: permissions, octal (0600)",
             [&](const std::string& text) { options.mode = parse_mode(text); });
  if (is_file) line.flag("--sync", "Return when it is on the disk", options.sync);
  add_items(line, options);
  add_general(line, options);
  options.values = line.parse(argc, argv);
  settle(options, home, options.values);
  const bool has_values = !options.values.empty();
  if (options.add) {
    if (!options.type) throw UsageError("--add needs the --type of the value to add to");
    if (has_values || options.count)
      throw UsageError("--add is for one value, and takes what to add itself");
  } else if (!has_values && !options.create) {
    throw UsageError(std::string("nothing to store: give ") +
                     (options.type ? "a VALUE, or --add" : "BYTES, or - for stdin"));
  }
  if (!options.type && options.values.size() > 1)
    throw UsageError("'" + options.values[1].text + "': BYTES are one argument; quote them");
  if (options.count && options.values.size() != 1)
    throw UsageError("--count stores one VALUE so many times");
  return options;
}

std::span<std::byte> items_of(const MemoryOptions& options, std::span<std::byte> file) {
  const auto begin = place_of(options.at, 0, file.size());
  if (!begin)
    throw Ending(Exit::error, options.path + ": has no byte " + std::to_string(options.at) +
                                  ", it is " + std::to_string(file.size()) + " bytes long");
  return file.subspan(*begin);
}

std::string shown_count(const MemoryOptions& options, std::size_t count) {
  const std::string number = std::to_string(count);
  if (!options.type) return number + (count == 1 ? " byte" : " bytes");
  return number + (count == 1 ? " value" : " values") + " of type " + options.type->code;
}

}  // namespace tools

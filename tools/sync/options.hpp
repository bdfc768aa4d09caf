// What the programs around synchronisation objects have in common: options, how long they wait, how
// they end.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ipc/sync/party.hpp"
#include "ipc/sys/deadline.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
#include "tools/explain.hpp"
#include "tools/sync/interruption.hpp"

namespace tools {

struct SyncOptions {
  std::string program;
  std::string name;
  std::vector<std::string> command;  ///< Of programs that run one.
  std::vector<std::string> values;   ///< Of programs that take some.
  ipc::sync::Options object;
  bool at_once = false;                           ///< -n
  std::optional<std::chrono::nanoseconds> limit;  ///< -w
  int conflict = static_cast<int>(Exit::timed_out);
  bool quiet = false;
  bool verbose = false;
  Narration narration = Narration::none;

  /// From now.
  ipc::Deadline deadline() const;
};

/// The command line of one of these programs. Throws what CommandLine does.
class SyncLine {
 public:
  enum class Takes { name, name_and_command, name_and_values };

  SyncLine(SyncOptions& options, const std::string& program, Takes takes,
           const std::string& examples, const std::string& summary);

  /// For options of its own, which come first in --help.
  CommandLine& line() { return line_; }
  /// Adds -n, -w and -E; without the short -n where that means something else.
  void add_waiting(bool short_n = true);
  /// Adds how an object is made, if it is made now.
  void add_making();
  /// Adds what all have, and reads the line into the options.
  void parse(int argc, char** argv);

 private:
  SyncOptions& options_;
  Takes takes_;
  CommandLine line_;
};

/// It was not to be had in time: the program says so, unless it is to be quiet, and ends with
/// SyncOptions::conflict.
class Conflict : public std::exception {
 public:
  explicit Conflict(std::string sentence) : sentence_(std::move(sentence)) {}
  const char* what() const noexcept override { return sentence_.c_str(); }

 private:
  std::string sentence_;
};

/// How a program ends: by a signal, or else with a code.
struct End {
  int code = 0;
  int signal = 0;
};

/// Runs `body` with what these programs share around it: the narrator, the signals that end a wait,
/// errors as sentences and exit codes. `parse` fills the options in. Returns main's result, or ends
/// the process by the signal that came, after `body` has left its object in good order.
int run_sync(SyncOptions& options, const std::function<void()>& parse,
             const std::function<End(const Interruption&)>& body);

/// "0.250 s"
std::string seconds(std::chrono::nanoseconds span);

}  // namespace tools

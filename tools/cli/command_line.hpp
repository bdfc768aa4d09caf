// Reading one command line: CLI11 for the options, and what it leaves to us: advice for an unknown
// option, arguments taken as they are, and a help page that begins with examples.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tools {

/// An argument that is no option. `literal`: it stood after "--", so that "-" is no more than a
/// dash.
struct Argument {
  std::string text;
  bool literal = false;
};

class CommandLine {
 public:
  /// `usage` is what follows the program's name, `examples` what --help begins with.
  CommandLine(const std::string& program, const std::string& usage, const std::string& examples,
              const std::string& summary);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  /// Options by their CLI11 names ("-n,--count"). `set` parses the value and throws UsageError.
  void value(const std::string& names, const std::string& type, const std::string& help,
             std::function<void(const std::string&)> set);
  /// The same for one that may be given several times; `set` gets each value.
  void values(const std::string& names, const std::string& type, const std::string& help,
              std::function<void(const std::string&)> set);
  /// The same with "=VALUE" left out at will; `set` then gets "". After a short name a value that
  /// begins with a digit may follow at once, as in "-w5".
  void optional_value(const std::string& names, const std::string& type, const std::string& help,
                      std::function<void(const std::string&)> set);
  void flag(const std::string& names, const std::string& help, bool& set);
  /// The heading in --help of the options that are added from now on.
  void group(const std::string& heading) { group_ = heading; }

  /// Returns the arguments that are no options. Throws UsageError, and Ending{Exit::ok} after it
  /// has printed what --help or --version asks for.
  std::vector<Argument> parse(int argc, char** argv);

 private:
  [[noreturn]] void refuse(const std::string& option) const;
  std::vector<std::string> spelt_out(int argc, char** argv) const;

  std::unique_ptr<CLI::App> app_;                // its header takes seconds to compile
  std::map<std::string, std::string> optional_;  // with an optional value: "-w" and its "--wait"
  std::string program_;
  std::string group_ = "Options";
};

}  // namespace tools

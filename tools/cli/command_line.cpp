#include "tools/cli/command_line.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "tools/cli/exit.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/values.hpp"

namespace tools {
namespace {

class ExamplesFirst : public CLI::Formatter {
 public:
  ExamplesFirst(std::string usage, std::string summary)
      : usage_(std::move(usage)), summary_(std::move(summary)) {
    column_width(34);
  }
  std::string make_usage(const CLI::App*, std::string name) const override {
    return "Usage: " + name + " " + usage_ + "\n" + summary_ + "\n";
  }

 private:
  std::string usage_;
  std::string summary_;
};

// CLI11 puts two empty lines between groups of options.
std::string without_double_gaps(std::string text) {
  for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
  return text;
}

// All that was asked for has been said, unless stdout cannot be written.
[[noreturn]] void print_and_end(const std::string& text) {
  Output output(STDOUT_FILENO, [] { return false; });
  output.write(text);
  output.flush();
  throw Ending(Exit::ok, "");
}

// What CLI11 makes of a flag that is given without a value.
constexpr const char* kBareFlag = "true";

// `set`, with the option's name before what it complains of.
std::function<void(const std::string&)> naming(const std::string& names,
                                               std::function<void(const std::string&)> set) {
  return
      [set = std::move(set), shown = names.substr(names.rfind(',') + 1)](const std::string& text) {
        try {
          set(text);
        } catch (const UsageError& error) {
          throw UsageError(shown + ": " + error.what());
        }
      };
}

}  // namespace

CommandLine::CommandLine(const std::string& program, const std::string& usage,
                         const std::string& examples, const std::string& summary)
    : app_(std::make_unique<CLI::App>("Examples:\n" + examples, program)), program_(program) {
  app_->formatter(std::make_shared<ExamplesFirst>(usage, summary));
  app_->set_help_flag("-h,--help", "Print this and end");
  app_->set_version_flag("--version", program + " (ipcways) " IPCWAYS_VERSION,
                         "Print the version and end");
  // All that is no option is collected by us: as a positional of CLI11 an argument "[a,b]" would be
  // taken apart and "{}" would vanish.
  app_->allow_extras();
}

CommandLine::~CommandLine() = default;

void CommandLine::value(const std::string& names, const std::string& type, const std::string& help,
                        std::function<void(const std::string&)> set) {
  app_->add_option_function<std::string>(names, naming(names, std::move(set)), help)
      ->type_name(type)
      ->take_last()
      ->group(group_);
}

void CommandLine::values(const std::string& names, const std::string& type, const std::string& help,
                         std::function<void(const std::string&)> set) {
  app_->add_option_function<std::vector<std::string>>(
          names,
          [set = naming(names, std::move(set))](const std::vector<std::string>& texts) {
            for (const auto& text : texts) set(text);
          },
          help)
      ->type_name(type)
      ->allow_extra_args(false)  // one value each time; what follows may be an argument
      ->group(group_);
}

void CommandLine::optional_value(const std::string& names, const std::string& type,
                                 const std::string& help,
                                 std::function<void(const std::string&)> set) {
  if (names.find(',') == 2) optional_[names.substr(0, 2)] = names.substr(3);
  // A flag, since CLI11 would take the next argument for the value of an option that may go without;
  // and one bound to no variable, since it makes a number of the value of any other flag.
  app_->add_flag(names, help)
      ->type_name("[=" + type + "]")
      ->take_last()
      ->group(group_)
      ->each([set = naming(names, std::move(set))](const std::string& text) {
        set(text == kBareFlag ? "" : text);
      });
}

void CommandLine::flag(const std::string& names, const std::string& help, bool& set) {
  app_->add_flag(names, set, help)->group(group_);
}

// The arguments, last first as CLI11 takes them, with "-w5" and "-w=5" written as "--wait=5": to CLI11
// the one is two flags, -w and -5, and the other none.
std::vector<std::string> CommandLine::spelt_out(int argc, char** argv) const {
  std::vector<std::string> texts(argv + 1, argv + argc);
  for (std::string& text : texts) {
    if (text == "--") break;
    const auto name = optional_.find(text.substr(0, 2));
    if (name == optional_.end() || text.size() == 2) continue;
    if (text[2] == '=')
      text = name->second + text.substr(2);
    else if (text[2] >= '0' && text[2] <= '9')
      text = name->second + "=" + text.substr(2);
  }
  std::reverse(texts.begin(), texts.end());
  return texts;
}

std::vector<Argument> CommandLine::parse(int argc, char** argv) {
  try {
    app_->parse(spelt_out(argc, argv));
  } catch (const CLI::CallForHelp&) {
    print_and_end(without_double_gaps(app_->help()));
  } catch (const CLI::CallForVersion& version) {
    print_and_end(version.what() + std::string("\n"));
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + " (" + program_ + " --help)");
  }
  std::vector<Argument> arguments;
  bool literal = false;
  for (std::string& text : app_->remaining()) {
    if (!literal && text == "--") {
      literal = true;
      continue;
    }
    const bool looks_like_option =
        text.size() > 1 && text[0] == '-' && !(text[1] >= '0' && text[1] <= '9');
    if (!literal && looks_like_option) refuse(text);
    arguments.push_back({std::move(text), literal});
  }
  return arguments;
}

void CommandLine::refuse(const std::string& option) const {
  std::vector<std::string> known{"--help", "--version"};
  for (const CLI::Option* each : app_->get_options())
    for (const std::string& name : each->get_lnames()) known.push_back("--" + name);
  const std::string word = option.substr(0, option.find('='));
  const std::string meant = word.starts_with("--") ? nearest(word, known) : "";
  throw UsageError(
      word + ": unknown option; " +
      (meant.empty()
           ? "see " + program_ + " --help; what begins with a dash and is no option goes after --"
           : "did you mean " + meant + "?"));
}

}  // namespace tools

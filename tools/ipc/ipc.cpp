// The `ipc` command: every mechanism behind one name.
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/kinds.hpp"
#include "tools/cli.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/values.hpp"
#include "tools/ipc/kinds.hpp"
#include "tools/ipc/remove.hpp"

namespace {

constexpr const char* kHelp =
    "Examples:\n"
    "  ipc recv --transport dgram demo\n"
    "  seq 5 | ipc send --transport dgram --wait demo\n"
    "  ipc kinds mq\n"
    "\n"
    "Usage: ipc COMMAND [OPTION...] [ARGUMENT...]\n"
    "  send     what KIND-send does, for the kind that --transport or $IPC_TRANSPORT names\n"
    "  recv     what KIND-recv does\n"
    "  kinds    which kinds there are; with a KIND what it can do, where it keeps less than the\n"
    "           contract, and the limits of this machine; --json for programs\n"
    "  remove   away with what the dead, or a durable kind, have left under a name\n"
    "`ipc send --help` and `ipc recv --help` tell more.\n";

int print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    tools::complain("ipc", "cannot write stdout");
    return static_cast<int>(tools::Exit::error);
  }
  return static_cast<int>(tools::Exit::ok);
}

int refuse(const std::string& sentence) {
  tools::complain("ipc", sentence + " (ipc --help)");
  return static_cast<int>(tools::Exit::usage);
}

int print_kinds(const std::vector<std::string_view>& arguments) {
  bool as_json = false;
  const ipc::Kind* only = nullptr;
  for (const auto argument : arguments) {
    if (argument == "-h" || argument == "--help") return print(kHelp);
    if (argument == "--json") {
      as_json = true;
    } else if (argument.starts_with('-') || only != nullptr) {
      return refuse("kinds: takes one KIND and --json, not '" + std::string(argument) + "'");
    } else if (only = ipc::kinds::find(argument); only == nullptr) {
      return refuse("kinds: unknown kind '" + std::string(argument) + "'; there are " +
                    ipc::kinds::names());
    }
  }
  if (as_json) return print(tools::kinds_json(only));
  return print(only ? tools::kind_text(*only) : tools::kinds_text());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return refuse("which command? send, recv, kinds or remove");
  const std::string command = argv[1];
  if (command == "-h" || command == "--help") return print(kHelp);
  if (command == "--version") return print("ipc (ipcways) " IPCWAYS_VERSION "\n");
  // The rest of the line is that of a pair; this is what it calls itself.
  std::string program = "ipc " + command;
  argv[1] = program.data();
  if (command == "send") return tools::send_main(argc - 1, argv + 1);
  if (command == "recv") return tools::receive_main(argc - 1, argv + 1);
  if (command == "kinds") return print_kinds({argv + 2, argv + argc});
  if (command == "remove") return tools::remove_main(argc - 1, argv + 1);
  const std::string meant = tools::nearest(command, {"send", "recv", "kinds", "remove"});
  return refuse(
      "unknown command '" + command + "'; " +
      (meant.empty() ? "there are send, recv, kinds and remove" : "did you mean " + meant + "?"));
}

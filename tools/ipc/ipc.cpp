// The `ipc` command: every mechanism behind one name.
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/values.hpp"
#include "tools/ipc/kinds.hpp"

namespace {

constexpr const char* kHelp =
    "Examples:\n"
    "  ipc recv --transport dgram demo\n"
    "  seq 5 | ipc send --transport dgram --wait demo\n"
    "  ipc kinds --json\n"
    "\n"
    "Usage: ipc COMMAND [OPTION...] [ARGUMENT...]\n"
    "  send     what KIND-send does, for the kind that --transport or $IPC_TRANSPORT names\n"
    "  recv     what KIND-recv does\n"
    "  kinds    which kinds there are, and what each can do; --json for programs\n"
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
  if (arguments.empty()) return print(tools::kinds_text());
  if (arguments.size() == 1 && arguments[0] == "--json") return print(tools::kinds_json());
  if (arguments.size() == 1 && (arguments[0] == "-h" || arguments[0] == "--help"))
    return print(kHelp);
  return refuse("kinds: takes nothing but --json, not '" + std::string(arguments[0]) + "'");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return refuse("which command? send, recv or kinds");
  const std::string command = argv[1];
  if (command == "-h" || command == "--help") return print(kHelp);
  if (command == "--version") return print("ipc (ipcways) " IPCWAYS_VERSION "\n");
  // The rest of the line is that of a pair; this is what it calls itself.
  std::string program = "ipc " + command;
  argv[1] = program.data();
  if (command == "send") return tools::send_main(argc - 1, argv + 1);
  if (command == "recv") return tools::receive_main(argc - 1, argv + 1);
  if (command == "kinds") return print_kinds({argv + 2, argv + argc});
  const std::string meant = tools::nearest(command, {"send", "recv", "kinds"});
  return refuse("unknown command '" + command + "'; " +
                (meant.empty() ? "there are send, recv and kinds" : "did you mean " + meant + "?"));
}

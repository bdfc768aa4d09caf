#include "tools/ipc/remove.hpp"

#include <algorithm>
#include <vector>

#include "ipc/kinds.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/options.hpp"

namespace tools {

int remove_main(int argc, char** argv) {
  const std::string program = argv[0];
  const Exit code = guarded(program, [&] {
    CommandLine line(program, "[OPTION...] ADDRESS...",
                     "  ipc remove demo\n  ipc remove one two ./three\n"
                     "  ipc remove --transport tcp localhost:4711\n",
                     "Removes what is left under each ADDRESS while no receiver lives there: the "
                     "object of a dead one, or\none that is damaged, or what a durable kind keeps "
                     "for the next receiver, unread messages included.\nWhatever has a name says "
                     "itself which kind it is; only HOST:PORT must be told to be one of tcp.\n"
                     "Silent where there is nothing. Ends with 0 all gone, 1 error, 2 usage.");
    const KindChoice choice(line, nullptr, kUsualKind);
    const std::vector<Argument> addresses = line.parse(argc, argv);
    if (addresses.empty())
      throw UsageError("an ADDRESS is missing: a name like demo, or a path (" + program +
                       " --help)");
    const ipc::Kind& kind = choice.kind();
    Exit worst = Exit::ok;
    for (const Argument& address : addresses)
      worst = std::max(worst, guarded(program, [&] {
                         kind.remove(address.text);
                         return Exit::ok;
                       }));
    return worst;
  });
  return static_cast<int>(code);
}

}  // namespace tools

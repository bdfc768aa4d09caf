// Try:   seq 5 | pipe-send | pipe-recv
//        pipe-send - 'two lines
//        in one message' | pipe-recv -f quoted
// Watch: seq 5 | pipe-send | od -c | head            (what our frames look like)
//        pipe-send - hello | pipe-recv --bare        (and what a receiver makes of them that knows
//        none)
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::pipe, argc, argv);
}

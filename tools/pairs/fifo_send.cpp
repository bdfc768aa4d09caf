// Try:   fifo-recv demo                              in another shell
//        seq 5 | fifo-send demo
// Watch: stop the receiver with Ctrl-Z and give `seq 100000`: the sender stands still once 64 KiB
//        wait in the pipe, goes on with `fg`, and nothing is lost.
//        kill -9 the sender midway, and see what the receiver says and ends with (echo $?).
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::fifo, argc, argv);
}

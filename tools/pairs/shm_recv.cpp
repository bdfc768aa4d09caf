// Try:   shm-recv demo &
//        yes | head -1000000 | shm-send --wait demo
// Watch: kill -9 the receiver and start it again: the segment of the dead one is gone from /dev/shm.
//        strace -c shm-recv demo                     how few system calls a million messages take
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::shm, argc, argv);
}

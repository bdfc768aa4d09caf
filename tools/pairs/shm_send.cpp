// Try:   shm-recv demo                               in another shell
//        seq 5 | shm-send demo
// Watch: ls -l /dev/shm; df /dev/shm                 (256 MiB of addresses, 4 MiB of memory)
//        shm-send --explain demo hello               no system call carries the message: a store
//        publishes it, and futex(2) is called only if the receiver sleeps.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::shm, argc, argv);
}

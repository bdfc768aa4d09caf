// Try:   boost-mq-recv demo                          in another shell
//        seq 5 | boost-mq-send demo
// Watch: ls -l /dev/shm                              (a queue for each sender, 256 KiB at once)
//        yes | timeout -s KILL 0.5 boost-mq-send --wait demo &
//        boost-mq-recv demo | tail -1                 again and again: often the sender dies with the
//        queue's lock, and what it had sent last is lost. Nobody hangs.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::boost_mq, argc, argv);
}

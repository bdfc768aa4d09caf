// Try:   mq-recv demo                                in another shell
//        seq 5 | mq-send demo
// Watch: mount -t mqueue none /mnt; cat /mnt/ipc.*   (as root: the queue, and how much waits in it)
//        (ulimit -q 60000; mq-recv demo -v & mq-recv other -v & mq-recv third)
//        The quota is for all queues of a user; what does not fit any more is said before it hurts.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::mq, argc, argv);
}

// Try:   sysv-mq-recv demo                           in another shell
//        seq 5 | sysv-mq-send demo
// Watch: ipcs -q                                     (the queue, by a random key; used-bytes while
//        the receiver is stopped with Ctrl-Z)
//        kill -9 the receiver: the queue is still there. Start another: it has gone, with all that
//        was in it.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::sysv_mq, argc, argv);
}

// Try:   boost-mq-recv demo &
//        boost-mq-send demo hello
// Watch: boost-mq-send --explain demo hello          (unseen) is what Boost does; beside it:
//        strace -e trace=/.*open.*,fallocate,mmap,futex boost-mq-send demo hello
//        Stop the receiver (Ctrl-Z) and send: the sender waits on a futex of ours, never in Boost.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::boost_mq, argc, argv);
}

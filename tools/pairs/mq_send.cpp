// Try:   mq-recv demo                                stopped with Ctrl-Z, so that messages wait
//        mq-send demo a b c; mq-send demo --priority 9 urgent
//        fg                                          prints: urgent, a, b, c
// Watch: mq-recv --bare demo                         then, from Python (posix_ipc) or C, the queue
//        "/demo"; or: mq-send --bare demo hello
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::mq, argc, argv);
}

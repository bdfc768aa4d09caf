// Try:   sysv-mq-recv --bare 0x4711 &                a queue of old, called by its key
//        sysv-mq-send --bare 0x4711 hello; ipcs -q
// Watch: sysv-mq-recv demo --explain                 and, in another shell: sysv-mq-send demo hello
//        The receiver sleeps in poll(2) on a FIFO, for a queue is no descriptor; the sender rings.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::sysv_mq, argc, argv);
}

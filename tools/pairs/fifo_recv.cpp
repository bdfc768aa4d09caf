// Try:   fifo-recv demo --explain
//        echo hello | fifo-send demo                 in another shell
// Watch: ls -lA $XDG_RUNTIME_DIR/ipc                 (else /run/user/UID/ipc or /tmp/ipc-UID): a
// link,
//        the pipe that it points to, and the lease that says whose they are.
//        kill -9 the receiver, look again, and start another: it takes the name over.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::fifo, argc, argv);
}

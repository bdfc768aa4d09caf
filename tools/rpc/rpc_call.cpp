// Try:   rpc-serve demo -x 'tr a-z A-Z' &
//        seq 3 | rpc-call demo
// Watch: ls -A $IPC_DIR (else $XDG_RUNTIME_DIR/ipc, /run/user/UID/ipc or /tmp/ipc-UID) while a call
//        waits: .demo.reply.1.lease is this caller's own inbox.
//        kill -9 the caller: the server stops its command, goes on, and clears the inbox away.
#include "tools/rpc/rpc.hpp"

int main(int argc, char** argv) {
  return tools::rpc_call_main(argc, argv);
}

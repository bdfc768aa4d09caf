// Try:   tcp-recv demo                               in another shell: any free port, on this host
//        seq 5 | tcp-send demo
// Watch: IPC_DIR=/tmp/elsewhere tcp-send 4711 hello --explain
//        A sender that does not find the receiver's lease, as on any other host, says hello over the
//        connection and is told its number.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::tcp, argc, argv);
}

// Try:   tcp-recv 4711                               and tcp-send 4711 hello, in another shell
//        tcp-recv 0.0.0.0:4711                       the same for senders on other hosts
//        tcp-recv --bare 4711                        and printf 'one\ntwo\n' | nc 127.0.0.1 4711
// Watch: ss -tlnp | grep 4711                        (on loopback only, unless told otherwise)
//        kill -9 it while a sender is connected, see ss -tan | grep 4711, and start it again at once:
//        what remains of the old connections does not keep it from the port.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::tcp, argc, argv);
}

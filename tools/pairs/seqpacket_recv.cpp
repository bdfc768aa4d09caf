// Try:   seqpacket-recv demo -f '%p (uid %u): %s'    and start seqpacket-send demo twice, in other shells
//        seqpacket-recv --abstract demo              the same without a socket file: ss -xl | grep @
// Watch: seqpacket-recv demo --explain               each sender is a connection of its own, and one
//        epoll_pwait2 waits for them all. kill -9 a sender: its end is told at once, as a recvfrom
//        that returns 0.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::seqpacket, argc, argv);
}

// Try:   dgram-recv --bare demo -f '%p (uid %u): %s'
//        python3 -c 'import os, socket, sys
//        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"from Python", sys.argv[1])' PATH
//        with the path that dgram-recv -v prints.
// Watch: ss -xl | grep demo                          (the queue fills while the receiver is
// stopped)
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::dgram, argc, argv);
}

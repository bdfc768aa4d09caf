// Try:   dgram-recv demo                             in another shell
//        dgram-send demo hello 'a second message'
// Watch: dgram-send demo --explain "$(head -c 100000 /dev/zero | tr '\0' x)"
//        A datagram arrives whole or not at all, and the kernel takes none of such size at once:
//        the message goes in several, and the receiver puts it together.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::dgram, argc, argv);
}

// Try:   seqpacket-recv --bare demo -f quoted        in another shell
//        seqpacket-send --bare demo one '' 'an empty one came before'
// Watch: stop the receiver with Ctrl-Z and send `seq 100000` from two shells: each sender fills a
//        queue of its own (ss -xp | grep demo) and waits; with dgram they would share eleven places.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::seqpacket, argc, argv);
}

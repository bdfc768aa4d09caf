// Try:   mmap-recv demo --follow
//        yes | head -10000000 | mmap-send demo       in another shell
// Watch: ls -lL and du -L of $XDG_RUNTIME_DIR/ipc/demo meanwhile: gigabytes of addresses, but only
// what
//        is unread takes space. kill -9 the receiver and start it again: it goes on where it was.
//        truncate -s 0 the file while it receives: exit code 6 and a sentence, no SIGBUS.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::mmap, argc, argv);
}

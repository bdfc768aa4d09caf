// Try:   seq 5 | mmap-send demo                      with nobody there
//        mmap-recv demo                              later, even tomorrow
// Watch: mmap-send --explain demo hello              no system call carries the message: a store
//        into the file's page publishes it, and whoever maps the same page sees it.
//        hexdump -C $XDG_RUNTIME_DIR/ipc/demo        the same page, by read(2): heads and tails
//        at 4096, then the lanes. With --sync each message is on the disk before the next.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::mmap, argc, argv);
}

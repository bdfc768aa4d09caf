// Try:   seq 5 | file-send demo                      with nobody there
//        file-recv demo                              later, even tomorrow
// Watch: a message of 1 GB in pieces, `head -c 1G /dev/zero | file-send demo --chunk 1M`, waits at
//        64 MiB unread, since nobody reads; with --require-receiver it does not even begin.
//        --sync, and how long 1000 messages take then: each is on the disk before the next.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::file, argc, argv);
}

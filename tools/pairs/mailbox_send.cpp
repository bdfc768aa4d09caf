// Try:   mailbox-send demo 'remember the milk'       with nobody there
//        cat $XDG_RUNTIME_DIR/ipc/demo/new/*         the message is a file
//        mailbox-recv demo                           later, even tomorrow
// Watch: --explain, and see the draft in tmp/ become a message by rename(2); kill -9 it before, and
//        the draft stays until the next one writes over it.
//        mailbox-recv --bare DIRECTORY, then `mv report.txt DIRECTORY/`.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::mailbox, argc, argv);
}

// Try:   mailbox-recv demo --follow
//        seq 5 | mailbox-send demo                   in another shell
// Watch: stop it with Ctrl-Z, send 20,000 messages and give `fg`: after 16,384 inotify(7) has lost
//        count (fs.inotify.max_queued_events), the directory is read instead, and nothing is missing.
//        kill -9 it and start it again: the message it was at comes a second time.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::mailbox, argc, argv);
}

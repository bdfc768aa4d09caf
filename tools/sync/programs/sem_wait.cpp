// Try:   sem-wait demo && echo taken                 in one shell
//        sem-post demo                               in another
// Watch: which of the two comes first does not matter, and neither has to run when the other does:
//        ls -l $XDG_RUNTIME_DIR/ipc                  (else /run/user/UID/ipc or /tmp/ipc-UID) shows
//        the semaphore as long as somebody waits, or what is posted has not been taken.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::sem_wait_main(argc, argv);
}

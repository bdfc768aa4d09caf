// Try:   event-wait ready && echo go &  event-wait ready && echo go &
//        event-set ready
// Watch: both go on, and so does who comes later, until event-clear. `strace -p` one of those who
//        wait: it sleeps in futex(2), and but for a look at the file every five seconds
//        nothing wakes it before the time.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::event_wait_main(argc, argv);
}

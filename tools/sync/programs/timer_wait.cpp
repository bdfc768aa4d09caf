// Try:   timer-wait tick --every 2 && date +%T.%N    in several shells, a little after each other
// Watch: all go on at the same moment, that of the first who came. Whom you kill makes no
//        difference: nobody keeps the time for the others.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::timer_wait_main(argc, argv);
}

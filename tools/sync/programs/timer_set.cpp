// Try:   timer-wait lunch && echo lunch &  timer-set lunch --in 5
//        timer-set lunch --in 1
// Watch: the one who waits heeds the new time.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::timer_set_main(argc, argv);
}

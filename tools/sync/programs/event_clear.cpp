// Try:   event-set ready; event-clear ready; event-wait -w 1 ready; echo $?
// Watch: 4, for it is not set any more. Who had been waiting while it was set has gone on, however
//        soon it was cleared.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::event_clear_main(argc, argv);
}

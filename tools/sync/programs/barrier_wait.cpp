// Try:   barrier-wait demo -n 3 & barrier-wait demo -n 3 & sleep 5; barrier-wait demo -n 3; wait
// Watch: `kill -9` one of the first two before the third comes: the third waits on, for the dead one
//        is not counted, until another comes in its place.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::barrier_wait_main(argc, argv);
}

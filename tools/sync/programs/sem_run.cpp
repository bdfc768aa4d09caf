// Try:   for i in 1 2 3 4 5 6; do sem-run demo -j 2 -v -- sleep 1 & done; wait
// Watch: two at a time. `kill -9` one sem-run: its permit comes back within 50 ms, its sleep is
//        killed with it, and the next begins. No count can be wrong, because none is kept: what
//        each holds stands in its own slot, which counts as long as the kernel says that it lives.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::sem_run_main(argc, argv);
}

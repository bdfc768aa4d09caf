// Try:   lock-run demo -- sleep 60 &
//        lock-run demo -- echo 'my turn'             in another shell
// Watch: the second waits; `kill -9` the first lock-run, and it goes on at once and says why.
//        With --explain it tells what it asks the kernel while it waits, and that it asks nothing
//        at all when the mutex is free.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::lock_run_main(argc, argv);
}

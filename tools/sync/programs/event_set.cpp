// Try:   event-set --explain ready; event-clear ready
// Watch: FUTEX_WAKE_OP, which sets the word and wakes the sleepers in one system call: a setter that
//        is killed has done both or neither.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::event_set_main(argc, argv);
}

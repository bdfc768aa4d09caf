// Try:   list-push demo one two; list-show demo --json
// Watch: strace -f list-show demo      it takes no lock: `kill -STOP` a list-push in the middle of its
//        change, and list-show still answers.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::list_show_main(argc, argv);
}

// Try:   list-pop demo &                            waits
//        list-push demo 'for you'                   in another shell
// Watch: --front makes a queue of it, without it is a stack, as list.pop() in Python; several who pop
//        share the values, each gets its own. -n ends with 4 if there is none.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::list_pop_main(argc, argv);
}

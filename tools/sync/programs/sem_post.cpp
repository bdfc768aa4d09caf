// Try:   seq 3 | while read n; do sem-post demo; done; sem-wait demo -v
// Watch: sem-wait says that two are left. With `--most 3` from the beginning the fourth sem-post is
//        refused, and ends with 5.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::sem_post_main(argc, argv);
}

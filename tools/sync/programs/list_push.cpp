// Try:   list-push demo one two 'and three'; seq 5 | list-push --front demo
//        list-show demo
// Watch: ls -l /dev/shm         one segment, with another name after each change: what is published is
//        never written to again, so a `kill -9` at any moment leaves the list as it was or as it was
//        to be. With --explain it tells which one system call makes the difference.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::list_push_main(argc, argv);
}

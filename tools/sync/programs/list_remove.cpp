// Try:   list-push demo one two; ls /dev/shm; list-remove demo; ls /dev/shm
// Watch: who waits in `list-pop demo` meanwhile goes on waiting: the name stays as long as anybody
//        uses it.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::list_remove_main(argc, argv);
}

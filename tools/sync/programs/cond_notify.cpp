// Try:   cond-notify -v news
// Watch: it notifies 0 if nobody waits, and nothing is left of it: who comes later waits.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::cond_notify_main(argc, argv);
}

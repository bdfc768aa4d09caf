// Try:   for i in 1 2 3; do (cond-wait news; echo $i) & sleep 0.1; done
//        cond-notify news; sleep 1; cond-notify --all news
// Watch: first 1, which has waited longest, then 2 and 3. Stop 1 (kill -STOP), notify, and kill it:
//        its notification is passed on to 2.
#include "tools/sync.hpp"

int main(int argc, char** argv) {
  return tools::cond_wait_main(argc, argv);
}

// Try:   signal-recv demo                            in another shell
//        seq 5 | signal-send demo
//        signal-send --signal USR1 PID               to any process that handles it
// Watch: signal-send demo --explain hello            24 bytes a signal, to a pidfd
//        grep SigQ /proc/self/status                 how many are queued for you, and may be
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_signals_main(argc, argv);
}

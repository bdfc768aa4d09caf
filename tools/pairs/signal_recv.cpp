// Try:   signal-recv                                 prints its pid, 4711 perhaps
//        kill -USR1 4711; kill -RTMIN+3 4711         in another shell
//        signal-recv demo                            for messages; signal-send demo hello
// Watch: signal-recv --ignore INT                    Ctrl-C does nothing; kill -TERM ends it
//        Stop it with kill -STOP, then: signal-send --signal USR1 --repeat 1000 4711; kill -CONT
//        One of a thousand is received. With --signal RTMIN+3 it is all of them.
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_signals_main(argc, argv);
}

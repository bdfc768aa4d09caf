// Try:   rpc-serve demo -x 'tr a-z A-Z' &
//        rpc-call demo hello
// Watch: rpc-serve slow -x 'sleep 5; date' & and rpc-call slow '' twice at once: with -j 2 both take
//        five seconds, with -j 1 one of them ten.
//        kill -9 the server while a call waits, and see what rpc-call says and ends with (echo $?);
//        kill -TERM it: it answers what it has begun before it ends.
#include "tools/rpc/rpc.hpp"

int main(int argc, char** argv) {
  return tools::rpc_serve_main(argc, argv);
}

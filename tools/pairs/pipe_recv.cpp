// Try:   pipe-recv                                   prints an address like /proc/4711/fd/3
//        pipe-send /proc/4711/fd/3 hello             in another shell of the same user
// Watch: ls -l /proc/4711/fd                         (a pipe has no name; these links are its only
// doors)
//        seq 100000 | pipe-send | pipe-recv | head -1; echo ${PIPESTATUS[@]}
//        Who is told what when head leaves: 141 is SIGPIPE, 3 is "the receiver is gone".
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::pipe, argc, argv);
}

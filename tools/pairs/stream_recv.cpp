// Try:   stream-recv --bare demo                     and in another shell, with the path that
//        stream-recv -v prints:  printf 'one\ntwo' | socat - UNIX-CONNECT:PATH
// Watch: seq 100000 | stream-send --wait demo & stream-recv demo --explain >/dev/null
//        One read brings hundreds of messages.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::stream, argc, argv);
}

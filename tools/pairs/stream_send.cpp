// Try:   stream-recv demo                            in another shell
//        tar c . | stream-send demo --chunk 64K
// Watch: stop the receiver with Ctrl-Z, and
//        head -c 1M /dev/zero | stream-send demo --whole --timeout 1 --explain
//        The stream takes part of a frame, then nothing: what was given up midway is never delivered.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::send_main(ipc::kinds::stream, argc, argv);
}

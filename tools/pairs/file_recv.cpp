// Try:   file-recv demo --follow | wc -c
//        yes | head -c 1G | file-send demo --chunk 64K     in another shell
// Watch: ls -lL and du -L of $XDG_RUNTIME_DIR/ipc/demo meanwhile: gigabytes long, but only what is
//        unread takes space. kill -9 the receiver and start it again: it goes on where it was.
//        file-recv --bare /var/log/dpkg.log: any text file, line by line.
#include "ipc/kinds.hpp"
#include "tools/cli.hpp"

int main(int argc, char** argv) {
  return tools::receive_main(ipc::kinds::file, argc, argv);
}

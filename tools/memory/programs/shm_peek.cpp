// Try:   shm-poke numbers --create 40 --type i --count 10 7
//        shm-peek numbers --type i                   ten times 7
//        shm-peek numbers --type i --index -1        the last of them
// Watch: ls -l /dev/shm                              the segment is a file, and stays until
//        somebody removes it: rm /dev/shm/numbers
#include "tools/memory.hpp"

int main(int argc, char** argv) {
  return tools::peek_main(tools::MemoryHome::shm, argc, argv);
}

// Try:   shm-poke numbers --create 40 --type i --count 10 0
//        shm-poke numbers --type i --index 2 --add 1              prints 1, then 2, then 3
//        for n in $(seq 100); do shm-poke numbers --type i --index 2 --add 1 & done; wait
// Watch: no addition is lost, however many run at once, because each is one instruction of the
//        processor (`lock xadd`). Reading, adding and storing by hand would lose some:
//        shm-poke numbers --type i --index 2 $(($(shm-peek numbers --type i --index 2) + 1))
#include "tools/memory.hpp"

int main(int argc, char** argv) {
  return tools::poke_main(tools::MemoryHome::shm, argc, argv);
}

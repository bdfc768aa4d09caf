// Try:   printf 'Hello World!\n' > hello.txt
//        mmap-poke hello.txt --at 6 'world!'; cat hello.txt
//        mmap-poke counter --create 8 --type Q --index 0 --add 1      again and again
// Watch: python3 -c 'import mmap
//        m = mmap.mmap(open("counter", "r+b").fileno(), 0); input(); print(m[:])'
//        and poke before you press Enter: it sees what you did without reading anything.
#include "tools/memory.hpp"

int main(int argc, char** argv) {
  return tools::poke_main(tools::MemoryHome::file, argc, argv);
}

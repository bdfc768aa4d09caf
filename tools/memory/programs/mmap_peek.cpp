// Try:   printf 'Hello World!\nsecond line\n' > hello.txt
//        mmap-peek hello.txt --slice 0:5             Hello
//        mmap-peek hello.txt --line                  Hello World!
// Watch: mmap-peek hello.txt --line --explain        no read(2): we have the file's own page
#include "tools/memory.hpp"

int main(int argc, char** argv) {
  return tools::peek_main(tools::MemoryHome::file, argc, argv);
}

// The programs that look into mapped memory, and change it, in place: mmap-peek and mmap-poke for
// files, shm-peek and shm-poke for POSIX shared memory. Whoever else has the same file or segment
// mapped, a Python program for example, sees the same bytes.
#pragma once

namespace tools {

enum class MemoryHome {
  file,  ///< Any regular file, by its path.
  shm,   ///< A segment by the name that shm_open(3) takes: a file in /dev/shm.
};

/// Prints bytes or typed values. Return main's result.
int peek_main(MemoryHome home, int argc, char** argv);
/// Stores bytes or typed values, adds to one atomically, or makes a new file or segment.
int poke_main(MemoryHome home, int argc, char** argv);

}  // namespace tools

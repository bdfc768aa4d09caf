// A message that is a file: written whole, read whole.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ipc::sys {

/// Reads the file into `room`, which grows as needed; the file's size, or nothing if it is not there
/// any more or is no regular file. One that is longer than `longest` is not read.
std::optional<std::size_t> read_letter(const std::string& path, std::size_t longest,
                                       std::vector<std::byte>& room);

/// The names in a directory, in no order; none if the directory is not there.
std::vector<std::string> letters_in(const std::string& directory);

/// Makes the file anew with exactly that mode and writes it; `sync` flushes it too. False if its
/// directory is gone. Throws Trouble::limit if the disk is full; then nothing is left.
bool write_letter(const std::string& path, std::span<const std::byte> bytes, mode_t mode,
                  bool sync);

}  // namespace ipc::sys

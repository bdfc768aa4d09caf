// A program that a test runs through the shell, with all it said.
#pragma once

#include <chrono>
#include <string>

#include "tests/support/child.hpp"

namespace support {

struct ProgramRun {
  int status;  ///< The exit status, or minus the signal's number.
  std::string output;
  std::string errors;
};

/// Runs a shell command to its end. The crawler's programs are found by their names.
ProgramRun run(const std::string& command);

/// Starts one, in the background. It gets signals itself, not through a shell.
test::Child start(const std::string& command);

/// Whether something becomes true in time.
template <class Condition>
bool becomes_true(Condition condition, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition())
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

std::string content_of(const std::string& file);
void write_file(const std::string& file, const std::string& content);

}  // namespace support

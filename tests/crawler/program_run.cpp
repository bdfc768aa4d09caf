#include "tests/crawler/program_run.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace support {
namespace {

// Beside the test's own program lie those that it tests; once for all runs of a test program.
void find_programs_here() {
  static const bool is_done = [] {
    const std::string here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return ::setenv("PATH", (here + ":" + ::getenv("PATH")).c_str(), 1) == 0;
  }();
  if (!is_done) throw std::runtime_error("setenv PATH");
}

}  // namespace

test::Child start(const std::string& command) {
  find_programs_here();
  return test::Child::exec({"/bin/bash", "-c", "exec " + command});
}

ProgramRun run(const std::string& command) {
  find_programs_here();
  std::string pattern = (std::filesystem::temp_directory_path() / "ipcways-run-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  test::Child child = test::Child::exec(
      {"/bin/bash", "-c", "{ " + command + "\n} >" + pattern + "/out 2>" + pattern + "/err"});
  const int status = child.wait(std::chrono::seconds(60));
  ProgramRun result{status, content_of(pattern + "/out"), content_of(pattern + "/err")};
  std::filesystem::remove_all(pattern);
  return result;
}

std::string content_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const std::string& file, const std::string& content) {
  std::ofstream stream(file, std::ios::binary);
  stream << content;
  if (!stream.flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace support

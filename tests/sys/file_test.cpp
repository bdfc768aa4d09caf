// Reading a text of /proc, which may be longer than it mostly is.
#include "ipc/sys/file.hpp"

#include <unistd.h>

#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "tests/support/guard.hpp"

namespace {

TEST_CASE_FIXTURE(test::Guard, "a text is read to its end, whatever its length") {
  const auto path = directory() + "/status";
  for (const std::size_t length : {0u, 1u, 8191u, 8192u, 8193u, 50'000u}) {
    const std::string text(length, 'x');
    std::ofstream(path) << text;
    CHECK(ipc::sys::read_text(path, "as long as it is") == text);
  }
  ::unlink(path.c_str());
  CHECK(ipc::sys::read_text(path, "nothing is there").empty());
}

}  // namespace

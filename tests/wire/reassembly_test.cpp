#include "ipc/wire/reassembly.hpp"

#include <string>

#include <doctest/doctest.h>

#include "tests/wire/bytes.hpp"

namespace {

using ipc::wire::Assembly;
using ipc::wire::Frame;
using test::bytes_of;

std::optional<std::string> accept(Assembly& assembly, std::uint32_t message, std::uint32_t total,
                                  std::uint32_t offset, std::string_view payload) {
  const auto got = assembly.accept(Frame{1, message, total, offset, 0, bytes_of(payload)});
  if (!got) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(got->data()), got->size());
}

TEST_CASE("a message of one frame is a view of that frame, the empty one too") {
  Assembly assembly;
  const std::string_view text = "whole";
  const auto got = assembly.accept(Frame{1, 1, 5, 0, 0, bytes_of(text)});
  REQUIRE(got);
  CHECK(static_cast<const void*>(got->data()) == text.data());
  CHECK(accept(assembly, 2, 0, 0, "") == "");
  CHECK_FALSE(assembly.is_unfinished());
}

TEST_CASE("a message of several frames is complete with its last") {
  Assembly assembly;
  CHECK_FALSE(accept(assembly, 1, 9, 0, "abc"));
  CHECK(assembly.is_unfinished());
  CHECK_FALSE(accept(assembly, 1, 9, 3, "def"));
  CHECK(accept(assembly, 1, 9, 6, "ghi") == "abcdefghi");
  CHECK_FALSE(assembly.is_unfinished());
}

TEST_CASE("a message given up is dropped when the next begins") {
  Assembly assembly;
  CHECK_FALSE(accept(assembly, 1, 9, 0, "abc"));
  CHECK(accept(assembly, 2, 3, 0, "new") == "new");
  CHECK_FALSE(accept(assembly, 1, 9, 3, "def"));
  CHECK_FALSE(assembly.is_unfinished());
  CHECK_FALSE(accept(assembly, 3, 6, 0, "abc"));
  CHECK_FALSE(accept(assembly, 4, 6, 0, "xyz"));
  CHECK(accept(assembly, 4, 6, 3, "uvw") == "xyzuvw");
}

TEST_CASE("frames that do not continue what is unfinished deliver nothing") {
  for (int fault = 0; fault < 5; ++fault) {
    CAPTURE(fault);
    Assembly assembly;
    CHECK_FALSE(accept(assembly, 1, 9, 0, "abc"));
    switch (fault) {
      case 0:  // a gap
        CHECK_FALSE(accept(assembly, 1, 9, 4, "efghi"));
        break;
      case 1:  // a repetition
        CHECK_FALSE(accept(assembly, 1, 9, 2, "cdefghi"));
        break;
      case 2:  // another message
        CHECK_FALSE(accept(assembly, 2, 9, 3, "defghi"));
        break;
      case 3:  // another length
        CHECK_FALSE(accept(assembly, 1, 8, 3, "defgh"));
        break;
      default:  // no progress
        CHECK_FALSE(accept(assembly, 1, 9, 3, ""));
        break;
    }
    CHECK_FALSE(accept(assembly, 1, 9, 3, "defghi"));  // it is gone
    CHECK_FALSE(assembly.is_unfinished());
  }
}

TEST_CASE("a later frame without its first delivers nothing") {
  Assembly assembly;
  CHECK_FALSE(accept(assembly, 1, 9, 3, "defghi"));
  CHECK_FALSE(assembly.is_unfinished());
}

TEST_CASE("an empty first frame of a longer message begins nothing") {
  Assembly assembly;
  CHECK_FALSE(accept(assembly, 1, 9, 0, ""));
  CHECK_FALSE(assembly.is_unfinished());
}

TEST_CASE("drop says whether anything was unfinished") {
  Assembly assembly;
  CHECK_FALSE(assembly.drop());
  CHECK_FALSE(accept(assembly, 1, 9, 0, "abc"));
  CHECK(assembly.drop());
  CHECK_FALSE(assembly.drop());
}

TEST_CASE("message numbers may wrap") {
  Assembly assembly;
  CHECK_FALSE(accept(assembly, 0xffffffff, 4, 0, "ab"));
  CHECK(accept(assembly, 0xffffffff, 4, 2, "cd") == "abcd");
  CHECK_FALSE(accept(assembly, 0, 4, 0, "ef"));
  CHECK(accept(assembly, 0, 4, 2, "gh") == "efgh");
}

}  // namespace

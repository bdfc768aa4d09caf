#include "tools/cli/values.hpp"

#include <limits>

#include <doctest/doctest.h>

#include "tools/cli/exit.hpp"

using namespace std::chrono_literals;
using tools::UsageError;

TEST_CASE("a duration is in seconds unless it says otherwise") {
  CHECK(tools::parse_duration("2") == 2s);
  CHECK(tools::parse_duration("0.25") == 250ms);
  CHECK(tools::parse_duration("100ms") == 100ms);
  CHECK(tools::parse_duration("7us") == 7us);
  CHECK(tools::parse_duration("5m") == 5min);
  CHECK(tools::parse_duration("1h") == 1h);
  CHECK(tools::parse_duration("0") == 0s);
  for (const char* wrong : {"", "-1", "nan", "inf", "1x", "x", "1 s", "1e10", "0x10"})
    CHECK_THROWS_AS((void)tools::parse_duration(wrong), UsageError);
}

TEST_CASE("a size is in bytes or in powers of 1024") {
  CHECK(tools::parse_size("0") == 0);
  CHECK(tools::parse_size("4096") == 4096);
  CHECK(tools::parse_size("64K") == 65536);
  CHECK(tools::parse_size("64KiB") == 65536);
  CHECK(tools::parse_size("2MB") == std::size_t{2} << 20);
  CHECK(tools::parse_size("1g") == std::size_t{1} << 30);
  for (const char* wrong :
       {"", "-1", "1.5K", "K", "1T", "1iB", "99999999999999999999", "18446744073709551615K"})
    CHECK_THROWS_AS((void)tools::parse_size(wrong), UsageError);
}

TEST_CASE("a count is a whole number within its bound") {
  CHECK(tools::parse_count("0", 9) == 0);
  CHECK(tools::parse_count("9", 9) == 9);
  CHECK(tools::parse_count("18446744073709551615", std::numeric_limits<std::uint64_t>::max()) ==
        std::numeric_limits<std::uint64_t>::max());
  for (const char* wrong : {"", "10", "-1", "1.0", "+1", " 1"})
    CHECK_THROWS_AS((void)tools::parse_count(wrong, 9), UsageError);
}

TEST_CASE("a mode is octal whether it begins with a zero or not") {
  CHECK(tools::parse_mode("0640") == 0640);
  CHECK(tools::parse_mode("640") == 0640);
  for (const char* wrong : {"", "888", "01777", "u+r"})
    CHECK_THROWS_AS((void)tools::parse_mode(wrong), UsageError);
}

TEST_CASE("the nearest word is the one with the fewest edits, and none if all are far") {
  const std::vector<std::string> words{"--count", "--format", "--follow"};
  CHECK(tools::nearest("--cuont", words) == "--count");  // neighbours swapped
  CHECK(tools::nearest("--count", words) == "--count");
  CHECK(tools::nearest("--fromat", words) == "--format");
  CHECK(tools::nearest("--folow", words) == "--follow");
  CHECK(tools::nearest("--zebra-crossing", words).empty());
  CHECK(tools::nearest("", words).empty());
}

#include "tools/cli/format.hpp"

#include <doctest/doctest.h>

#include "tools/cli/exit.hpp"

namespace {

std::string formatted(const std::string& format, std::string_view message,
                      bool for_people = false) {
  tools::Format parsed = tools::parse_format(format);
  parsed.for_people = for_people;
  tools::Arrival arrival;
  arrival.number = 7;
  arrival.time = std::chrono::system_clock::time_point(std::chrono::microseconds(1'500'000));
  arrival.peer = {65, 4711, 1000, {}};
  std::string out;
  tools::append(out, parsed, message, arrival);
  return out;
}

}  // namespace

TEST_CASE("templates put in what is known of a message") {
  CHECK(formatted("%i %p %u %t <%s> %%", "hi") ==
        "7 4711 1000 1970-01-01T00:00:01.500000Z <hi> %\n");
  for (const char* wrong : {"xml", "", "%", "%z", "a%"})
    CHECK_THROWS_AS((void)tools::parse_format(wrong), tools::UsageError);
}

TEST_CASE("a process that only the sender names is marked") {
  CHECK(tools::process_of({1, 4711, {}, {}}) == "4711");
  CHECK(tools::process_of({1, {}, {}, 4711}) == "4711 (claimed)");
  CHECK(tools::process_of({}) == "?");
}

TEST_CASE("JSON holds text as it is and other bytes as hex") {
  CHECK(formatted("json", "a\"\n\x01") ==
        "{\"number\":7,\"time\":\"1970-01-01T00:00:01.500000Z\",\"sender\":65,\"pid\":4711,\"uid\":"
        "1000,"
        "\"message\":\"a\\\"\\n\\u0001\"}\n");
  CHECK(formatted("json", "\xff").ends_with("\"hex\":\"ff\"}\n"));
}

TEST_CASE("what is not UTF-8 is escaped for people") {
  // RFC 3629, section 4: overlong forms, surrogates, beyond U+10FFFF, stray and missing bytes.
  for (const char* wrong : {"\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xe2\x82", "\xc3"}) {
    CHECK(formatted("line", wrong, true).find("\\x") == 0);
    CHECK(formatted("json", wrong).find("\"hex\"") != std::string::npos);
  }
  for (const char* right :
       {"\xc2\xa0", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x99\x82", "\xf4\x8f\xbf\xbf"})
    CHECK(formatted("line", right, true) == std::string(right) + "\n");
}

TEST_CASE("nothing in a message can steer a terminal") {
  CHECK(formatted("line", "\x1b[2J\r\b\x7f", true) == "\\x1b[2J\\x0d\\x08\\x7f\n");
  CHECK(formatted("line", "\xc2\x9b", true) == "\\xc2\\x9b\n");  // CSI as a C1 control
  CHECK(formatted("%s", "\x1b", true) == "\\x1b\n");
  CHECK(formatted("line", "a\tb\nc", true) == "a\tb\nc\n");
  CHECK(formatted("line", "\x1b") == "\x1b\n");
}

TEST_CASE("quoted shows every byte") {
  CHECK(formatted("quoted", "a\"\\\n\t\r\x01\xff\xc3\xa4") ==
        "\"a\\\"\\\\\\n\\t\\r\\x01\\xff\xc3\xa4\"\n");
  CHECK(formatted("hex", "\x01\xff") == "01ff\n");
  CHECK(formatted("raw", "\x01\n") == "\x01\n");
}

#include "tools/crawler/fetch_turns.hpp"

#include <string>

#include <doctest/doctest.h>

TEST_CASE("so many have a turn at a host at a time, the others in the order in which they came") {
  crawler::Turns<const std::string> turns(2);
  const std::string a = "a", b = "b", c = "c", d = "d", e = "e";
  CHECK(turns.come("host", a, false));
  CHECK(turns.come("host", b, false));
  CHECK_FALSE(turns.come("host", c, false));
  CHECK_FALSE(turns.come("host", d, false));
  CHECK(turns.come("other", e, false));
  CHECK(turns.leave("other") == nullptr);
  CHECK(turns.leave("host") == &c);
  CHECK(turns.leave("host") == &d);
  CHECK(turns.leave("host") == nullptr);
  CHECK(turns.come("host", e, false));
  CHECK(turns.leave("host") == nullptr);
  CHECK(turns.leave("host") == nullptr);
}

TEST_CASE("who waits ahead is next, and who gives up is passed over") {
  crawler::Turns<const std::string> turns(1);
  const std::string a = "a", b = "b", c = "c", d = "d";
  CHECK(turns.come("host", a, false));
  CHECK_FALSE(turns.come("host", b, false));
  CHECK_FALSE(turns.come("host", c, false));
  CHECK_FALSE(turns.come("host", d, true));
  turns.give_up("host", b);
  CHECK(turns.leave("host") == &d);
  CHECK(turns.leave("host") == &c);
  CHECK(turns.leave("host") == nullptr);
}

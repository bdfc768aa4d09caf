#include "ipc/sys/deadline.hpp"

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;

TEST_CASE("never is never over, at once always") {
  CHECK_FALSE(Deadline::never().expired());
  CHECK(Deadline::at_once().expired());
  CHECK(Deadline::never().left() == std::chrono::nanoseconds::max());
  CHECK(Deadline::at_once().left() == 0ns);
  CHECK(Deadline::at_once() < Deadline::after(0s));
  CHECK(Deadline::after(1h) < Deadline::never());
}

TEST_CASE("a span too long for the clock is never") {
  CHECK(Deadline::after(std::chrono::nanoseconds::max()).is_never());
  CHECK(Deadline::after(std::chrono::hours(24 * 365 * 250)).is_never() ==
        (std::chrono::hours(24 * 365 * 250) >=
         Deadline::Clock::time_point::max() - Deadline::Clock::now()));
}

TEST_CASE("a span in the past is over") {
  const auto past = Deadline::after(-1s);
  CHECK(past.expired());
  CHECK(past.left() == 0ns);
  CHECK_FALSE(past.is_at_once());
}

TEST_CASE("what is left shrinks to zero and is written as the kernel takes it") {
  const auto soon = Deadline::after(1500ms);
  const auto left = soon.left_timespec();
  CHECK(left.tv_sec == 1);
  CHECK(left.tv_nsec > 0);
  CHECK(left.tv_nsec < 500'000'000);
  const auto passed = Deadline::at(Deadline::Clock::now() - 1ns);
  CHECK(passed.left_timespec().tv_sec == 0);
  CHECK(passed.left_timespec().tv_nsec == 0);
}

}  // namespace

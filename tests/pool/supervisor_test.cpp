#include "tools/pool/supervisor.hpp"

#include <doctest/doctest.h>

using pool::Supervisor;
using pool::Time;
using pool::WorkerId;
using namespace std::chrono_literals;

namespace {

const Time start{};
using Workers = std::vector<WorkerId>;

}  // namespace

TEST_CASE("every slot is started at once, and one that dies after its hello again at once") {
  Supervisor supervisor({});
  CHECK(supervisor.resize(3).empty());
  CHECK(supervisor.take_due(start) == Workers{{1, 1}, {2, 1}, {3, 1}});
  CHECK(supervisor.take_due(start).empty());
  for (std::uint32_t slot = 1; slot <= 3; ++slot) CHECK(supervisor.hello({slot, 1}));
  CHECK(supervisor.next_due() == Time::max());

  CHECK(supervisor.ended({2, 1}, start + 1s, "was killed by SIGKILL") == 0s);
  CHECK(supervisor.next_due() == start + 1s);
  CHECK(supervisor.take_due(start + 1s) == Workers{{2, 2}});
}

TEST_CASE("a hello counts once, and of the present life only") {
  Supervisor supervisor({});
  supervisor.resize(1);
  CHECK_FALSE(supervisor.hello({1, 1}));
  (void)supervisor.take_due(start);
  CHECK_FALSE(supervisor.hello({1, 2}));
  CHECK_FALSE(supervisor.hello({2, 1}));
  CHECK(supervisor.hello({1, 1}));
  CHECK_FALSE(supervisor.hello({1, 1}));
  supervisor.ended({1, 1}, start, "exited with 0");
  CHECK_FALSE(supervisor.hello({1, 1}));
  CHECK(supervisor.take_due(start) == Workers{{1, 2}});
  CHECK_FALSE(supervisor.hello({1, 1}));
}

TEST_CASE("a worker without a hello is told once, to be killed") {
  Supervisor supervisor({.hello_time = 5s});
  supervisor.resize(2);
  (void)supervisor.take_due(start);
  CHECK(supervisor.hello({1, 1}));
  CHECK(supervisor.next_due() == start + 5s);
  CHECK(supervisor.take_silent(start + 4s).empty());
  CHECK(supervisor.take_silent(start + 5s) == Workers{{2, 1}});
  CHECK(supervisor.take_silent(start + 6s).empty());
  CHECK_FALSE(supervisor.hello({2, 1}));
  CHECK(supervisor.ended({2, 1}, start + 6s, "was killed by SIGKILL") == 100ms);
}

TEST_CASE("early deaths pause their slot, longer each time, until a hello") {
  Supervisor supervisor({.storm_deaths = 100});
  supervisor.resize(1);
  Time now = start;
  std::vector<std::int64_t> pauses;
  for (int death = 0; death != 8; ++death) {
    REQUIRE(supervisor.take_due(now).size() == 1);
    const auto pause = supervisor.ended({1, static_cast<std::uint32_t>(death + 1)}, now, "broke");
    CHECK(supervisor.take_due(now + pause - 1ms).empty());
    now += pause;
    pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(pause).count());
  }
  CHECK(pauses == std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 5000, 5000});
  (void)supervisor.take_due(now);
  CHECK(supervisor.hello({1, 9}));
  supervisor.ended({1, 9}, now, "broke");
  (void)supervisor.take_due(now);
  CHECK(supervisor.ended({1, 10}, now, "broke") == 100ms);
}

TEST_CASE("a storm of workers that die before their hello is the end, with few starts") {
  Supervisor supervisor({});
  supervisor.resize(4);
  unsigned starts = 0;
  for (Time now = start; now < start + 10s; now += 10ms)
    for (const WorkerId worker : supervisor.take_due(now)) {
      ++starts;
      supervisor.ended(worker, now, "exited with 1");
    }
  REQUIRE(supervisor.storm());
  CHECK(*supervisor.storm() ==
        "10 workers in a row died before they said hello; the last one exited with 1");
  CHECK(starts < 20);
  CHECK(supervisor.next_due() == Time::max());
}

TEST_CASE("early deaths long ago, or with a hello in between, are no storm") {
  Supervisor supervisor({});
  supervisor.resize(1);
  Time now = start;
  std::uint32_t generation = 0;
  const auto start_after = [&](pool::Clock::duration pause) {
    now += pause;
    REQUIRE(supervisor.take_due(now) == Workers{{1, ++generation}});
  };
  SUBCASE("old") {
    for (int death = 0; death != 100; ++death) {
      start_after(10s);
      supervisor.ended({1, generation}, now, "broke");
    }
  }
  SUBCASE("with a hello in between") {
    for (int death = 0; death != 100; ++death) {
      start_after(5s);
      if (death % 10 == 9) CHECK(supervisor.hello({1, generation}));
      supervisor.ended({1, generation}, now, "broke");
    }
  }
  CHECK_FALSE(supervisor.storm());
}

TEST_CASE("a worker that was ended on purpose is no early death, and is replaced at once") {
  Supervisor supervisor({});
  supervisor.resize(20);
  for (std::uint32_t generation = 1; generation <= 3; ++generation) {
    CHECK(supervisor.take_due(start).size() == 20);
    for (std::uint32_t slot = 1; slot <= 20; ++slot)
      CHECK(supervisor.ended({slot, generation}, start, "was killed by SIGKILL", true) == 0s);
  }
  CHECK_FALSE(supervisor.storm());
  (void)supervisor.take_due(start);
  CHECK(supervisor.ended({1, 4}, start, "broke") == 100ms);
}

TEST_CASE("a smaller size names the workers to end and does not replace them") {
  Supervisor supervisor({});
  supervisor.resize(3);
  (void)supervisor.take_due(start);
  for (std::uint32_t slot = 1; slot <= 3; ++slot) CHECK(supervisor.hello({slot, 1}));
  CHECK(supervisor.resize(1) == Workers{{2, 1}, {3, 1}});
  supervisor.ended({2, 1}, start, "exited with 0");
  supervisor.ended({3, 1}, start, "exited with 0");
  CHECK(supervisor.take_due(start + 1h).empty());
  CHECK(supervisor.resize(2).empty());
  CHECK(supervisor.take_due(start + 1h) == Workers{{2, 2}});
}

TEST_CASE("after stop nothing is started, and deaths are no storm") {
  Supervisor supervisor({});
  supervisor.resize(20);
  (void)supervisor.take_due(start);
  supervisor.stop();
  for (std::uint32_t slot = 1; slot <= 20; ++slot)
    CHECK(supervisor.ended({slot, 1}, start, "exited with 0") == 0s);
  CHECK(supervisor.take_due(start + 1h).empty());
  CHECK_FALSE(supervisor.storm());
}

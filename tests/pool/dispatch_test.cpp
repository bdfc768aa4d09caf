#include "tools/pool/dispatch.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include <doctest/doctest.h>

using pool::Dispatch;
using pool::Time;
using pool::WorkerId;
using namespace std::chrono_literals;

namespace {

const Time start{};

/// A dispatch with `workers` workers of generation 1, and what a master does with it.
struct Desk {
  explicit Desk(std::uint32_t workers, std::uint64_t window = 1, Dispatch::Rules rules = {})
      : dispatch(rules) {
    for (std::uint32_t slot = 1; slot <= workers; ++slot) dispatch.join({slot, 1}, window);
  }
  void add(int count) {
    for (int each = 0; each != count; ++each) dispatch.add("task");
  }
  /// Hands out and sends all that can be; "1>2" is task 1 to the worker in slot 2.
  std::string hand_out(Time now = start) {
    std::string log;
    while (const auto given = dispatch.next()) {
      dispatch.sent(given->task, now);
      log += (log.empty() ? "" : " ") + std::to_string(given->task) + ">" +
             std::to_string(given->worker.slot);
    }
    return log;
  }
  Dispatch dispatch;
};

}  // namespace

TEST_CASE("nine tasks on three workers go round and round") {
  Desk desk(3, 3);
  desk.add(9);
  CHECK(desk.hand_out() == "1>1 2>2 3>3 4>1 5>2 6>3 7>1 8>2 9>3");
}

TEST_CASE("a worker has a task from its sending to its end, for the one attempt") {
  Desk desk(2);
  desk.add(1);
  REQUIRE(desk.dispatch.next());
  CHECK_FALSE(desk.dispatch.has({1, 1}, 1, 1));
  desk.dispatch.sent(1, start);
  CHECK(desk.dispatch.has({1, 1}, 1, 1));
  CHECK_FALSE(desk.dispatch.has({1, 1}, 1, 2));
  CHECK_FALSE(desk.dispatch.has({1, 2}, 1, 1));
  CHECK_FALSE(desk.dispatch.has({2, 1}, 1, 1));
  CHECK_FALSE(desk.dispatch.has({1, 1}, 2, 1));
  desk.dispatch.leave({1, 1}, true);
  CHECK_FALSE(desk.dispatch.has({1, 1}, 1, 1));
  CHECK(desk.hand_out() == "1>2");
  CHECK(desk.dispatch.has({2, 1}, 1, 2));
}

TEST_CASE("the round goes on where it stood, one task at a time") {
  Desk desk(3);
  std::string log;
  for (std::uint64_t task = 1; task <= 9; ++task) {
    desk.add(1);
    const auto given = desk.dispatch.next();
    REQUIRE(given);
    desk.dispatch.sent(given->task, start);
    log += std::to_string(given->worker.slot);
    CHECK(desk.dispatch.result(given->worker, given->task, 1) == Dispatch::Answer::accepted);
  }
  CHECK(log == "123123123");
}

TEST_CASE("a worker without credit is passed over and holds up nobody") {
  Desk desk(3);
  desk.add(9);
  CHECK(desk.hand_out() == "1>1 2>2 3>3");
  // Worker 1 never answers.
  for (std::uint64_t task = 2; task <= 8; task += 2) {
    CHECK(desk.dispatch.result({2, 1}, task, 1) == Dispatch::Answer::accepted);
    CHECK(desk.dispatch.result({3, 1}, task + 1, 1) == Dispatch::Answer::accepted);
    CHECK(desk.hand_out() ==
          (task == 8 ? "" : std::to_string(task + 2) + ">2 " + std::to_string(task + 3) + ">3"));
  }
  CHECK(desk.dispatch.in_flight() == 1);
}

TEST_CASE("hungry means that a new task could go out now") {
  Desk desk(2);
  CHECK(desk.dispatch.is_hungry());
  desk.add(1);
  CHECK_FALSE(desk.dispatch.is_hungry());
  (void)desk.hand_out();
  CHECK(desk.dispatch.is_hungry());
  desk.add(1);
  (void)desk.hand_out();
  CHECK_FALSE(desk.dispatch.is_hungry());
}

TEST_CASE("tasks of a killed worker go to others before new ones, in their order") {
  Desk desk(2, 3);
  desk.add(6);
  CHECK(desk.hand_out() == "1>1 2>2 3>1 4>2 5>1 6>2");
  desk.add(1);
  CHECK(desk.dispatch.leave({1, 1}, false).empty());
  CHECK(desk.hand_out() == "");
  desk.dispatch.join({1, 2}, 3);
  CHECK(desk.hand_out() == "1>1 3>1 5>1");
  CHECK(desk.dispatch.attempt(3) == 2);
}

TEST_CASE("only the present holder's answer for the present attempt counts, and once") {
  Desk desk(2);
  desk.add(1);
  CHECK(desk.hand_out() == "1>1");
  CHECK(desk.dispatch.result({2, 1}, 1, 1) == Dispatch::Answer::stale);
  CHECK(desk.dispatch.result({1, 2}, 1, 1) == Dispatch::Answer::stale);
  CHECK(desk.dispatch.result({1, 1}, 1, 2) == Dispatch::Answer::stale);
  CHECK(desk.dispatch.result({1, 1}, 2, 1) == Dispatch::Answer::stale);
  CHECK(desk.dispatch.leave({1, 1}, false).empty());
  CHECK(desk.hand_out() == "1>2");
  CHECK(desk.dispatch.result({1, 1}, 1, 1) == Dispatch::Answer::stale);
  CHECK(desk.dispatch.result({2, 1}, 1, 1) == Dispatch::Answer::stale);
  CHECK(desk.dispatch.result({2, 1}, 1, 2) == Dispatch::Answer::accepted);
  CHECK(desk.dispatch.result({2, 1}, 1, 2) == Dispatch::Answer::stale);
}

TEST_CASE("a task that was never sent cannot be answered, charged or counted") {
  Desk desk(1, 2);
  desk.add(1);
  const auto given = desk.dispatch.next();
  REQUIRE(given);
  CHECK(given->attempt == 1);
  CHECK(desk.dispatch.result({1, 1}, 1, 1) == Dispatch::Answer::stale);
  for (std::uint32_t generation = 1; generation != 100; ++generation) {
    CHECK(desk.dispatch.leave({1, generation}, true).empty());
    desk.dispatch.join({1, generation + 1}, 2);
    const auto again = desk.dispatch.next();
    REQUIRE(again);
    CHECK(again->attempt == 1);
  }
}

TEST_CASE("a task that crashes each worker it is alone in has failed after three") {
  Desk desk(2);
  desk.dispatch.add("http://poison/");
  for (std::uint32_t death = 1; death <= 3; ++death) {
    const auto given = desk.dispatch.next();
    REQUIRE(given);
    desk.dispatch.sent(given->task, start);
    const auto failed = desk.dispatch.leave(given->worker, true);
    desk.dispatch.join({given->worker.slot, death + 1}, 1);
    REQUIRE(failed.size() == (death == 3 ? 1 : 0));
    if (death == 3) {
      CHECK(failed[0].verdict == Dispatch::Verdict::poison);
      CHECK(failed[0].payload == "http://poison/");
      CHECK(failed[0].attempt == 3);
    }
  }
  CHECK(desk.dispatch.waiting() == 0);
  CHECK(desk.hand_out() == "");
}

TEST_CASE("suspects run alone, on all workers in parallel, and the innocent are not charged") {
  Desk desk(2, 4);
  desk.add(4);
  CHECK(desk.hand_out() == "1>1 2>2 3>1 4>2");
  // Worker 1 crashes with two tasks: either may be the reason.
  CHECK(desk.dispatch.leave({1, 1}, true).empty());
  desk.dispatch.join({1, 2}, 4);
  desk.add(4);
  // The new worker 1 is idle and takes the first suspect; worker 2 is emptied for the second.
  CHECK(desk.hand_out() == "1>1");
  CHECK(desk.dispatch.result({2, 1}, 2, 1) == Dispatch::Answer::accepted);
  CHECK(desk.hand_out() == "");
  CHECK(desk.dispatch.result({2, 1}, 4, 1) == Dispatch::Answer::accepted);
  CHECK(desk.hand_out() == "3>2");
  // The first was it: one charge. The other goes on and its worker serves all again.
  CHECK(desk.dispatch.leave({1, 2}, true).empty());
  CHECK(desk.dispatch.result({2, 1}, 3, 2) == Dispatch::Answer::accepted);
  CHECK(desk.hand_out() == "1>2");
  desk.dispatch.join({1, 3}, 4);
  CHECK(desk.hand_out() == "5>1 6>1 7>1 8>1");
  CHECK(desk.dispatch.leave({2, 1}, true).empty());
  desk.dispatch.join({2, 2}, 4);
  CHECK(desk.hand_out() == "1>2");
  const auto failed = desk.dispatch.leave({2, 2}, true);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].task == 1);
  CHECK(desk.dispatch.in_flight() == 4);
}

TEST_CASE("somebody's kill -9 charges nothing, fifty attempts are the cap") {
  Desk desk(1);
  desk.add(1);
  for (std::uint32_t generation = 1; generation <= 50; ++generation) {
    CHECK(desk.hand_out() == "1>1");
    const auto failed = desk.dispatch.leave({1, generation}, false);
    desk.dispatch.join({1, generation + 1}, 1);
    CHECK(failed.size() == (generation == 50 ? 1 : 0));
    if (!failed.empty()) CHECK(failed[0].verdict == Dispatch::Verdict::attempts);
  }
}

TEST_CASE("a worker is overdue once its task's time has passed, from when it was sent") {
  Desk desk(2, 1, {.task_time = 10s});
  desk.add(2);
  CHECK(desk.hand_out(start + 5s) == "1>1 2>2");
  CHECK(desk.dispatch.result({2, 1}, 2, 1) == Dispatch::Answer::accepted);
  CHECK(desk.dispatch.overdue(start + 15s).empty());
  CHECK(desk.dispatch.overdue(start + 16s) == std::vector{WorkerId{1, 1}});
}

TEST_CASE("a cancelled task is not handed out, or its answer is unwanted") {
  Desk desk(1);
  desk.add(3);
  CHECK(desk.hand_out() == "1>1");
  desk.dispatch.cancel(1);
  desk.dispatch.cancel(2);
  CHECK(desk.dispatch.waiting() == 1);
  CHECK(desk.dispatch.result({1, 1}, 1, 1) == Dispatch::Answer::unwanted);
  CHECK(desk.hand_out() == "3>1");
  desk.dispatch.cancel(3);
  CHECK(desk.dispatch.leave({1, 1}, true).empty());
  CHECK(desk.dispatch.waiting() + desk.dispatch.in_flight() == 0);
}

TEST_CASE("a retired worker finishes what it has and gets nothing more") {
  Desk desk(2);
  desk.add(3);
  CHECK(desk.hand_out() == "1>1 2>2");
  desk.dispatch.retire({1, 1});
  CHECK_FALSE(desk.dispatch.is_idle({1, 1}));
  CHECK(desk.dispatch.result({1, 1}, 1, 1) == Dispatch::Answer::accepted);
  CHECK(desk.dispatch.is_idle({1, 1}));
  CHECK(desk.hand_out() == "");
  CHECK(desk.dispatch.result({2, 1}, 2, 1) == Dispatch::Answer::accepted);
  CHECK(desk.hand_out() == "3>2");
}

TEST_CASE("waiting tasks and tasks in flight can be taken away") {
  Desk desk(2);
  desk.add(5);
  CHECK(desk.hand_out() == "1>1 2>2");
  CHECK(desk.dispatch.take_waiting() == std::vector<pool::TaskId>{3, 4, 5});
  CHECK(desk.dispatch.take_in_flight() == std::vector<pool::TaskId>{1, 2});
  CHECK(desk.dispatch.result({1, 1}, 1, 1) == Dispatch::Answer::stale);
  desk.add(2);
  CHECK(desk.hand_out() == "6>1 7>2");
}

TEST_CASE("random deaths lose no task and answer none twice") {
  std::mt19937 random(7);
  for (int round = 0; round != 50; ++round) {
    constexpr std::uint32_t workers = 4;
    Desk desk(workers, 1 + random() % 5);
    std::uint32_t generations[workers + 1] = {0, 1, 1, 1, 1};
    std::set<pool::TaskId> answered;
    desk.add(500);
    for (int step = 0; answered.size() != 500; ++step) {
      REQUIRE(step < 100'000);
      (void)desk.hand_out();
      const auto slot = static_cast<std::uint32_t>(1 + random() % workers);
      const WorkerId worker{slot, generations[slot]};
      if (random() % 10 == 0) {
        REQUIRE(desk.dispatch.leave(worker, random() % 50 == 0).empty());
        desk.dispatch.join({slot, ++generations[slot]}, 1 + random() % 5);
        continue;
      }
      const auto tasks = desk.dispatch.in_flight(slot);
      if (tasks.empty()) continue;
      const auto task = tasks[random() % tasks.size()];
      REQUIRE(desk.dispatch.result(worker, task, desk.dispatch.attempt(task)) ==
              Dispatch::Answer::accepted);
      REQUIRE(answered.insert(task).second);
    }
    CHECK(desk.dispatch.waiting() + desk.dispatch.in_flight() == 0);
  }
}

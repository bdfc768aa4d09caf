// The list: what it holds, who may do what at once, and what is refused.
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "ipc/sync/mutex.hpp"
#include "tests/sync/list_case.hpp"

namespace sync_test {

namespace fs = std::filesystem;

std::vector<std::string> segments() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator("/dev/shm"))
    if (entry.path().filename().string().starts_with("ipc.")) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

void push(List& list, const std::vector<std::string>& values, End end) {
  const std::vector<std::string_view> views(values.begin(), values.end());
  expect(list.push(end, views, Deadline::after(kPatience)) == Outcome::ok, "push");
}

Values pop(List& list, End end, std::size_t most) {
  return list.pop(end, most, Deadline::at_once()).values;
}

void remove() {
  List list("demo");
  expect(list.clear(Deadline::after(kPatience)) == Outcome::ok, "clear");
}

namespace {

TEST_CASE_FIXTURE(Case, "a list gives back what was put in, at either end") {
  List list("demo");
  CHECK(list.values().empty());
  push(list, {"b", "c"});
  push(list, {"a", ""}, End::front);
  CHECK(list.values() == Values{"", "a", "b", "c"});
  CHECK(List("demo").values() == Values{"", "a", "b", "c"});
  CHECK(pop(list, End::front, 2) == Values{"", "a"});
  CHECK(pop(list, End::back) == Values{"c"});
  CHECK(pop(list, End::back, 10) == Values{"b"});
  CHECK(list.pop(End::back, 1, Deadline::at_once()).outcome == Outcome::timed_out);
  CHECK(segments().empty());
}

TEST_CASE_FIXTURE(Case, "values are any bytes, of any length") {
  std::mt19937 random(1);
  Values model;
  List list("demo");
  for (const std::size_t length : {0u, 1u, 2u, 4095u, 4096u, 70'000u, 3'000'000u}) {
    std::string value(length, '\0');
    std::ranges::generate(value, [&] { return static_cast<char>(random()); });
    push(list, {value});
    model.push_back(value);
  }
  CHECK(List("demo").values() == model);
  remove();
}

TEST_CASE_FIXTURE(Case, "a list stays when nobody uses it, and goes when it is empty") {
  { const List empty("demo"); }
  CHECK(entries().empty());
  {
    List list("demo");
    push(list, {"a"});
  }
  CHECK(entries() == std::vector<std::string>{"demo"});
  CHECK(segments().size() == 1);
  for (const auto& path : {directory() + "/demo", segments().front()})
    CHECK((fs::status(path).permissions() & fs::perms::all) ==
          (fs::perms::owner_read | fs::perms::owner_write));
  {
    List list("demo");
    CHECK(pop(list, End::back) == Values{"a"});
    CHECK(segments().empty());
  }
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(Case, "it grows to a hundred thousand values and shrinks again") {
  List list("demo");
  std::vector<std::string> batch(1000);
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 1000; ++j)
      batch[static_cast<std::size_t>(j)] = std::to_string(i * 1000 + j);
    push(list, batch);
    REQUIRE(segments().size() == 1);
  }
  const Values all = List("demo").values();
  REQUIRE(all.size() == 100'000);
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i] == std::to_string(i));
  const auto large = fs::file_size(segments().front());
  CHECK(pop(list, End::front, 99'999).size() == 99'999);
  CHECK(fs::file_size(segments().front()) < large / 1000);
  CHECK(pop(list, End::front) == Values{"99999"});
}

TEST_CASE_FIXTURE(Case, "who pops waits until somebody has put something in") {
  Child waiter = Child::run([] {
    List its("demo");
    const auto got = its.pop(End::back, 1, Deadline::after(kPatience));
    return got && got.values == Values{"x"} ? 0 : 1;
  });
  wait_until_asleep(waiter.pid());
  List list("demo");
  push(list, {"x"});
  CHECK(waiter.wait() == 0);
  const Stopwatch watch;
  CHECK(list.pop(End::back, 1, Deadline::after(200ms)).outcome == Outcome::timed_out);
  CHECK(watch.elapsed() >= 200ms);
}

// What one call did, in which edition.
struct Step {
  std::uint32_t edition;
  enum Act : std::uint8_t { push_back, push_front, pop_back, pop_front, look } act;
  std::uint8_t count;    // of values put in, or taken off
  std::uint32_t first;   // those put in are numbers from here on
  std::uint32_t got[4];  // those taken off
  std::uint32_t size;    // seen
  std::uint32_t sum;     // seen
};
constexpr std::size_t kSteps = 400;
constexpr unsigned kProcesses = 8;
struct Log {
  Step steps[kProcesses][kSteps];
};

std::uint32_t sum_of(const Values& values) {
  std::uint32_t sum = 0;
  std::uint32_t place = 0;
  for (const auto& value : values) sum += ++place * number(value);
  return sum;
}

void act_at_random(unsigned who, Log& log) {
  std::mt19937 random(who);
  List list("demo");
  std::uint32_t next = who * 100'000;
  for (Step& step : log.steps[who]) {
    step.act = static_cast<Step::Act>(random() % 5);
    const std::size_t wanted = 1 + random() % 4;
    if (step.act == Step::push_back || step.act == Step::push_front) {
      step.first = next;
      step.count = static_cast<std::uint8_t>(wanted);
      std::vector<std::string> values;
      for (std::size_t i = 0; i < wanted; ++i) values.push_back(std::to_string(next++));
      push(list, values, step.act == Step::push_back ? End::back : End::front);
    } else if (step.act == Step::look) {
      const Values seen = list.values();
      step.size = static_cast<std::uint32_t>(seen.size());
      step.sum = sum_of(seen);
    } else {
      const Values got = pop(list, step.act == Step::pop_back ? End::back : End::front, wanted);
      step.count = static_cast<std::uint8_t>(got.size());
      for (std::size_t i = 0; i < got.size(); ++i) step.got[i] = number(got[i]);
    }
    step.edition = list.edition();
  }
}

TEST_CASE_FIXTURE(Case, "what eight processes do at once is what a deque does in that order") {
  Shared<Log> log;
  const List keeps_the_count("demo");
  std::vector<Child> children;
  for (unsigned who = 0; who < kProcesses; ++who)
    children.push_back(Child::run([&, who] {
      act_at_random(who, *log);
      return 0;
    }));
  for (auto& child : children) CHECK(child.wait() == 0);

  std::vector<const Step*> order;
  for (const auto& steps : log->steps)
    for (const Step& step : steps) order.push_back(&step);
  // Looks, and pops that found nothing, have met their edition; the others have made it, before.
  const auto has_changed = [](const Step& step) {
    return step.act != Step::look && step.count > 0;
  };
  std::ranges::stable_sort(order, [&](const Step* one, const Step* other) {
    return std::pair(one->edition, !has_changed(*one)) <
           std::pair(other->edition, !has_changed(*other));
  });
  Values model;
  std::uint32_t edition = 0;
  for (const Step* step : order) {
    if (has_changed(*step)) REQUIRE(step->edition == ++edition);
    REQUIRE(step->edition == edition);
    switch (step->act) {
      case Step::push_back:
        for (std::uint32_t i = 0; i < step->count; ++i)
          model.push_back(std::to_string(step->first + i));
        break;
      case Step::push_front:
        for (std::uint32_t i = 0; i < step->count; ++i)
          model.push_front(std::to_string(step->first + i));
        break;
      case Step::look:
        REQUIRE(step->size == model.size());
        REQUIRE(step->sum == sum_of(model));
        break;
      default:
        if (step->count == 0) REQUIRE(model.empty());
        for (std::uint32_t i = 0; i < step->count; ++i) {
          auto& end = step->act == Step::pop_back ? model.back() : model.front();
          REQUIRE(step->got[i] == number(end));
          step->act == Step::pop_back ? model.pop_back() : model.pop_front();
        }
    }
  }
  CHECK(List("demo").values() == model);
  MESSAGE(edition << " editions");
  remove();
}

TEST_CASE_FIXTURE(Case, "what does not fit is refused, and the list is as it was") {
  List list("demo");
  push(list, {"a"});
  const rlimit none{1000, RLIM_INFINITY};
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::setrlimit(RLIMIT_FSIZE, &none);
  const auto said = sentence_of([&] { push(list, {std::string(2000, 'x')}); });
  const auto trouble = trouble_of([&] { push(list, {std::string(2000, 'x')}); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK_MESSAGE(said.find("RLIMIT_FSIZE is 1000") != std::string::npos, said);
  CHECK(trouble == Trouble::limit);
  CHECK(list.values() == Values{"a"});
  CHECK(segments().size() == 1);
  CHECK(list.clear() == Outcome::ok);
}

TEST_CASE_FIXTURE(Case, "another kind is refused, named") {
  List list("demo");
  push(list, {"a"});
  CHECK(sentence_of([] { const ipc::sync::Mutex mutex("demo"); }) ==
        "open " + directory() +
            "/demo: it is a list; use list-push, list-pop, list-show or list-remove");
  CHECK(list.clear() == Outcome::ok);
}

}  // namespace
}  // namespace sync_test

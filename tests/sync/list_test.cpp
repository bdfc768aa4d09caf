// The list: what it holds, who may do what at once, and what a death does to it.
#include "ipc/sync/list.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "ipc/sync/mutex.hpp"
#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

namespace fs = std::filesystem;
using ipc::Trouble;
using ipc::sync::End;
using ipc::sync::List;
using ipc::sync::Outcome;
using ipc::sync::Values;

// The list's segments, sorted; this test has a /dev/shm of its own.
std::vector<std::string> segments() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator("/dev/shm"))
    if (entry.path().filename().string().starts_with("ipc.")) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

void push(List& list, const std::vector<std::string>& values, End end = End::back) {
  const std::vector<std::string_view> views(values.begin(), values.end());
  expect(list.push(end, views, Deadline::after(kPatience)) == Outcome::ok, "push");
}

Values pop(List& list, End end, std::size_t most = 1) {
  return list.pop(end, most, Deadline::at_once()).values;
}

void remove(const std::string& name = "demo") {
  List list(name);
  expect(list.clear(Deadline::after(kPatience)) == Outcome::ok, "clear");
}

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

std::uint32_t number(const std::string& text) {
  return static_cast<std::uint32_t>(std::stoul(text));
}
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

// Each of those who put in has a number of its own and counts; `acknowledged` is what has been said to
// be in.
struct Counted {
  std::atomic<std::uint32_t> lives{0};
  std::atomic<std::uint32_t> acknowledged[1 << 16];
};

void push_counted(List& list, Counted& counted, std::uint32_t life, std::uint32_t count) {
  expect(life < std::size(counted.acknowledged), "no more can be counted");
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto value = std::to_string(life) + ":" + std::to_string(i);
    push(list, {value, value + "'"});
    counted.acknowledged[life] = i + 1;
  }
}

// Of each life all that was acknowledged, in order, and at most one more.
void check_counted(const Values& values, const Counted& counted) {
  std::map<std::uint32_t, std::uint32_t> seen;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const auto life = number(values[i]);
    REQUIRE(values[i] == std::to_string(life) + ":" + std::to_string(seen[life]++));
    REQUIRE(i + 1 < values.size());
    REQUIRE(values[i + 1] == values[i] + "'");
  }
  for (std::uint32_t life = 0; life < counted.lives; ++life) {
    REQUIRE(seen[life] >= counted.acknowledged[life]);
    REQUIRE(seen[life] <= counted.acknowledged[life] + 1);
  }
}

TEST_CASE_FIXTURE(Case, "killed at random, who puts in has put in all of a call or nothing") {
  Shared<Counted> counted;
  Shared<std::atomic<bool>> over;
  Child reader = Child::run([&] {
    List list("demo");
    std::size_t before = 0;
    while (!*over) {
      const Values now = list.values();
      expect(now.size() >= before && now.size() % 2 == 0, "half of a call is in, or one is lost");
      before = now.size();
    }
    return 0;
  });
  const auto killed = storm(4, 2s, [&] {
    List list("demo");
    push_counted(list, *counted, counted->lives++, 20);
  });
  *over = true;
  CHECK(reader.wait() == 0);
  const Stopwatch watch;
  List list("demo");
  const Values values = list.values();
  check_counted(values, *counted);
  push(list, {"one", "more"});
  CHECK(watch.of_ours() < 2s);
  MESSAGE(killed << " killed, " << values.size() << " values");
  CHECK(segments().size() == 1);
  CHECK(list.clear() == Outcome::ok);
  CHECK(segments().empty());
}

TEST_CASE_FIXTURE(Case,
                  "killed at random, who takes off has taken values off for itself or nobody") {
  Shared<Gate> ready;
  Shared<std::atomic<bool>> over;
  struct Taken {
    std::atomic<std::uint32_t> highest{0};
    std::atomic<std::uint32_t> count{0};
  };
  Shared<Taken> taken;
  Child producer = Child::run([&] {
    List list("demo");
    std::uint32_t next = 0;
    while (!*over) {
      push(list, {std::to_string(++next)});
      if (list.values().size() > 100) ::usleep(1000);
    }
    return 0;
  });
  const auto killed = storm(4, 1s, [&] {
    List list("demo");
    for (;;) {
      const auto got = list.pop(End::front, 1, Deadline::after(kPatience));
      expect(bool(got), "nothing came");
      ++taken->count;
    }
  });
  *over = true;
  CHECK(producer.wait() == 0);
  List list("demo");
  const Values rest = list.values();
  const auto all = number(rest.empty() ? "0" : rest.back());
  for (std::size_t i = 0; i < rest.size(); ++i)
    REQUIRE(number(rest[i]) == all - rest.size() + i + 1);
  if (!rest.empty()) {
    // Each of those killed may have taken one and not told of it.
    const auto gone = all - rest.size();
    CHECK(taken->count <= gone);
    CHECK(gone - taken->count <= killed);
  }
  MESSAGE(killed << " killed, " << taken->count.load() << " taken");
  remove();
}

TEST_CASE_FIXTURE(Case, "killed before any of its calls, a party leaves a list that works") {
  for (const bool alone : {true, false}) {
    CAPTURE(alone);
    std::uint32_t call = 1;
    for (bool through = false; !through; ++call) {
      auto other = alone ? nullptr : std::make_unique<List>("demo");
      if (other) push(*other, {"x", "y"});
      Child victim = Child::run([&] {
        conformance::KillAt observer(call);
        ipc::sys::observe(&observer);
        {
          List list("demo");
          push(list, {"a", "b"});
          expect(pop(list, End::back) == Values{"b"}, "pop");
          push(list, {"c"}, End::front);
          expect(list.values().size() == (alone ? 2 : 4), "values");
          expect(list.clear() == Outcome::ok, "clear");
        }
        ipc::sys::observe(nullptr);
        return 0;
      });
      const int status = victim.wait();
      REQUIRE((status == 0 || status == -SIGKILL));
      through = status == 0;
      const std::vector<Values> possible =
          alone ? std::vector<Values>{{}, {"a", "b"}, {"a"}, {"c", "a"}}
                : std::vector<Values>{
                      {}, {"x", "y"}, {"x", "y", "a", "b"}, {"x", "y", "a"}, {"c", "x", "y", "a"}};
      {
        List list("demo");
        const Values now = list.values();
        CAPTURE(now.size());
        REQUIRE(std::ranges::find(possible, now) != possible.end());
        // One too many at the most, until the next change.
        REQUIRE(segments().size() <= (now.empty() ? 1 : 2));
        push(list, {"z"});
        REQUIRE(segments().size() == 1);
        REQUIRE(list.values().size() == now.size() + 1);
        REQUIRE(list.clear() == Outcome::ok);
      }
      other.reset();
      REQUIRE(entries().empty());
      REQUIRE(segments().empty());
    }
    MESSAGE("killed at up to " << call - 1 << " calls");
    CHECK(call > 30);
  }
}

TEST_CASE_FIXTURE(Case,
                  "killed after any instruction, a party leaves the list as it was or is to be") {
  List list("demo");
  push(list, {"a"});
  const auto steps = kill_at_each_step(
      250, [&] { REQUIRE(list.values() == Values{"a"}); },
      []() -> std::function<void()> {
        const auto its = std::make_shared<List>("demo");
        return [its] { push(*its, {"b", "c"}); };
      },
      [&](bool through) {
        const Values now = list.values();
        const bool is_in = now == Values{"a", "b", "c"};
        if (through) CHECK(is_in);
        REQUIRE((is_in || now == Values{"a"}));
        const Stopwatch watch;
        if (is_in) REQUIRE(list.pop(End::back, 2, Deadline::after(kPatience)).values.size() == 2);
        push(list, {"d"});
        REQUIRE(pop(list, End::back) == Values{"d"});
        CHECK(watch.of_ours() < 2s);  // not for ever; a change alone is some 20 system calls
        REQUIRE(segments().size() == 1);
      });
  MESSAGE(steps << " instructions");
  CHECK(list.clear() == Outcome::ok);
}

TEST_CASE_FIXTURE(Case, "somebody stopped in a change holds up changes, and no readers") {
  List list("demo");
  push(list, {"a"});
  struct StopAtOpen final : ipc::sys::Observer {
    void unseen(const char* what) override {
      if (std::string_view(what).starts_with("Boost makes")) ::raise(SIGSTOP);
    }
  };
  Child stopped = Child::run([] {
    List its("demo");
    StopAtOpen observer;
    ipc::sys::observe(&observer);
    push(its, {"b"});
    ipc::sys::observe(nullptr);
    return 0;
  });
  CHECK(::waitid(P_PID, static_cast<id_t>(stopped.pid()), nullptr, WSTOPPED) == 0);
  CHECK(List("demo").values() == Values{"a"});
  CHECK(list.push(End::back, "c", Deadline::after(200ms)) == Outcome::timed_out);
  CHECK(list.pop(End::back, 1, Deadline::after(200ms)).outcome == Outcome::timed_out);
  stopped.signal(SIGCONT);
  CHECK(stopped.wait() == 0);
  CHECK(list.values() == Values{"a", "b"});
  CHECK(list.clear() == Outcome::ok);
}

TEST_CASE_FIXTURE(Case, "an edition that is overwritten, cut or removed is told as corrupt") {
  const std::string reasons[] = {"somebody has overwritten it", "somebody truncated it",
                                 "somebody removed it"};
  for (const auto& reason : reasons) {
    List list("demo");
    push(list, {"one", std::string(1000, 'x')});
    const auto segment = segments().front();
    if (reason == reasons[0])
      std::fstream(segment, std::ios::in | std::ios::out | std::ios::binary).seekp(700) << 'y';
    else if (reason == reasons[1])
      fs::resize_file(segment, 600);
    else
      fs::remove(segment);
    List other("demo");
    const auto said = sentence_of([&] { other.values(); });
    CHECK_MESSAGE(said.find(reason) != std::string::npos, said);
    CHECK(trouble_of([&] { other.values(); }) == Trouble::corrupt);
    CHECK(trouble_of([&] { push(other, {"two"}); }) == Trouble::corrupt);
    CHECK(trouble_of([&] { pop(other, End::front); }) == Trouble::corrupt);
    CHECK(other.clear() == Outcome::ok);
    push(other, {"two"});
    CHECK(list.values() == Values{"two"});
    CHECK(list.clear() == Outcome::ok);
  }
}

TEST_CASE_FIXTURE(Case, "garbage anywhere in it is an error or changes nothing") {
  const unsigned rounds = test::is_long() ? 4000 : 400;
  std::mt19937_64 random(7);
  const Values model{"one", std::string(300, 'x'), ""};
  unsigned told = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    CAPTURE(round);
    List list("demo");
    push(list, {model.begin(), model.end()});
    const auto segment = segments().front();
    const bool in_segment = round % 2 == 0;
    {
      std::fstream file(in_segment ? segment : directory() + "/demo",
                        std::ios::in | std::ios::out | std::ios::binary);
      // What the words of the list's state are, and all of its segment.
      const auto place = in_segment ? random() % fs::file_size(segment) : 192 + random() % 88;
      file.seekp(static_cast<std::streamoff>(place));
      for (auto count = 1 + random() % 16; count > 0 && place + count < (in_segment ? ~0ul : 280);
           --count)
        file.put(static_cast<char>(random()));
    }
    try {
      List other("demo");
      const Values seen = other.values();
      // By chance the bytes may be those that were there, or lie where nobody looks.
      CHECK((seen == model || (!in_segment && seen.empty())));
    } catch (const ipc::Error& error) {
      REQUIRE(error.trouble() == Trouble::corrupt);
      ++told;
    }
    CHECK(list.clear() == Outcome::ok);
    fs::remove(segment);  // its name may have been lost with what was overwritten
    for (const auto& left : segments()) fs::remove(left);
  }
  MESSAGE(told << " of " << rounds << " told");
  CHECK(told > rounds / 2);
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

TEST_CASE_FIXTURE(
    Case, "if any call of a change fails it is told, and the list is as it was or is to be") {
  for (const int error : {EINTR, EMFILE, ENOSPC, ENOMEM, EIO})
    for (std::uint32_t call = 1; call < 30; ++call) {
      CAPTURE(error);
      CAPTURE(call);
      const auto before = test::open_descriptors();
      {
        conformance::FailAt observer(call, error);
        ipc::sys::observe(&observer);
        try {
          List list("demo");
          push(list, {"a"});
        } catch (const ipc::Error& thrown) {
          CHECK(error != EINTR);
          CHECK(thrown.code().value() == error);
        }
        ipc::sys::observe(nullptr);
      }
      CHECK(test::open_descriptors() == before);
      {
        List list("demo");
        const Values now = list.values();
        REQUIRE((now.empty() || now == Values{"a"}));
        REQUIRE(list.clear() == Outcome::ok);
      }
      REQUIRE(entries().empty());
      REQUIRE(segments().empty());
    }
}

}  // namespace
}  // namespace sync_test

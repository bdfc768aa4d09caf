// What a death, a stop, a failing call and what others do to its memory do to a list.
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/sync/list_case.hpp"

namespace sync_test {
namespace {

namespace fs = std::filesystem;

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
  const auto killed = storm(4, 1s, [&] {
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
  const auto killed = storm(4, 500ms, [&] {
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

TEST_CASE_FIXTURE(
    Case, "if any call of a change fails it is told, and the list is as it was or is to be") {
  fail_each_call(
      [] {
        List list("demo");
        push(list, {"a"});
      },
      [&] {
        {
          List list("demo");
          const Values now = list.values();
          REQUIRE((now.empty() || now == Values{"a"}));
          REQUIRE(list.clear() == Outcome::ok);
        }
        REQUIRE(entries().empty());
        REQUIRE(segments().empty());
      });
}

}  // namespace
}  // namespace sync_test

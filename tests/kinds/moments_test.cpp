// What others do between two calls of ours, or what fails between them, costs no message.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "ipc/sys/lease_file.hpp"
#include "tests/kinds/durable.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/kernel.hpp"
#include "tests/support/shared.hpp"

namespace {

using namespace durable;
using test::Child;

namespace fs = std::filesystem;

// Does something once, before the first call that is made for this reason.
auto once_before(std::string_view why, std::function<void()> act) {
  return [why, act = std::move(act)](const ipc::sys::Call& call) mutable {
    if (call.why == why)
      if (const auto now = std::exchange(act, {})) now();
    return 0;
  };
}

// While it lives, `act` is told after each such call what that has returned.
class After : public ipc::sys::Observer {
 public:
  After(const char* why, std::function<void(long value)> act)
      : why_(why), act_(std::move(act)), before_(ipc::sys::observe(this)) {}
  ~After() override { ipc::sys::observe(before_); }
  void after(const ipc::sys::Call& call, const ipc::sys::Result& result) override {
    if (std::strcmp(call.why, why_) == 0) act_(result.value);
  }

 private:
  const char* why_;
  std::function<void(long value)> act_;
  ipc::sys::Observer* before_;
};

TEST_CASE_FIXTURE(test::Guard, "stream: an error in the middle of a frame leaves both in step") {
  const auto& kind = ipc::kinds::stream;
  const auto receiver = kind.listen("demo");
  const auto out = kind.connect("demo");
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    {
      const test::Kernel kernel(
          test::failing("full: until there is room, or the receiver is gone", ENOMEM));
      // Frames of a length that the socket's room is no multiple of: one of them is cut.
      const std::string block(50'000 + static_cast<std::size_t>(round) * 1000, 'x');
      bool thrown = false;
      for (int i = 0; i < 1000 && !thrown; ++i) try {
          (void)out->send(bytes_of(block), Deadline::after(1s));
        } catch (const ipc::Error& error) {
          thrown = error.code().value() == ENOMEM;
        }
      REQUIRE(thrown);
    }
    for (;;) {
      const auto got = receiver->receive(Deadline::at_once());
      if (got.status == Status::timed_out) break;
      REQUIRE(got.status == Status::ok);
    }
    REQUIRE(out->send(bytes_of("after"), Deadline::after(5s)) == Status::ok);
    CHECK(next_text(*receiver) == "after");
    CHECK(receiver->foreign_bytes() == 0);
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "mailbox: a message whose name could not be flushed counts as sent") {
  const auto& kind = ipc::kinds::mailbox;
  const auto receiver = kind.listen("box");
  const auto out = kind.connect("box", {.sync = true});
  {
    const test::Kernel disk(test::failing("and its name", EIO));
    CHECK_THROWS_AS((void)out->send(bytes_of("one")), ipc::Error);
  }
  CHECK(out->send(bytes_of("two")) == Status::ok);
  CHECK(next_text(*receiver) == "one");
  CHECK(next_text(*receiver) == "two");
  CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
  CHECK(out->taken(2, Deadline::at_once()) == 2);
}

TEST_CASE_FIXTURE(test::Guard, "a durable object in the making is no dead newcomer's") {
  const auto& kind = ipc::kinds::mailbox;
  struct State {
    test::Gate made;
    test::Gate found;
    test::Gate over;
  };
  test::Shared<State> state;
  Child sweeper;
  const auto come_between = [&] {
    state->made.open();
    (void)state->found.wait();
  };
  SUBCASE("whoever sweeps does not keep its maker from receiving") {
    sweeper = Child::run([&] {
      expect(state->made.wait(), "made");
      const After looked("a living maker would hold it", [&](long) {
        state->found.open();
        (void)state->over.wait();
      });
      ipc::sys::sweep_temporaries(ipc::sys::resolve("box"));
      return 0;
    });
    const test::Kernel renaming(once_before("the name, if it is free", come_between));
    CHECK_NOTHROW((void)kind.listen("box"));
    state->over.open();
    CHECK(sweeper.wait() == 0);
  }
  SUBCASE("whoever sweeps slowly does not take it from a sender who has made it meanwhile") {
    sweeper = Child::run([&] {
      expect(state->made.wait(), "made");
      const test::Kernel slow(once_before("a living maker would hold it", [&] {
        state->found.open();
        (void)state->over.wait();
      }));
      ipc::sys::sweep_temporaries(ipc::sys::resolve("box"));
      return 0;
    });
    const test::Kernel renaming(once_before("the name, if it is free", come_between));
    const auto out = kind.connect("box");
    CHECK(out->send(bytes_of("first")) == Status::ok);
    state->over.open();
    CHECK(sweeper.wait() == 0);
    CHECK(out->send(bytes_of("second")) == Status::ok);
    const auto receiver = kind.listen("box");
    CHECK(next_text(*receiver) == "first");
    CHECK(next_text(*receiver) == "second");
  }
}

TEST_CASE_FIXTURE(test::Guard, "file, bare: lines written just before the file is replaced") {
  const auto path = directory() + "/log";
  {
    const auto lines = ipc::kinds::file.listen("log", {.bare = true});
    std::ofstream(path, std::ios::app) << "one\n";
    CHECK(next_text(*lines) == "one");
    bool replaced = false;
    const After at_its_end("whatever was appended", [&](long value) {
      if (value != 0 || std::exchange(replaced, true)) return;
      std::ofstream(path, std::ios::app) << "two\nthree\n";
      std::ofstream(path + ".new") << "four\n";
      fs::rename(path + ".new", path);
    });
    for (const auto* text : {"two", "three", "four"}) CHECK(next_text(*lines) == text);
  }
  fs::remove(path);
}

TEST_CASE_FIXTURE(test::Guard, "of two who would receive from one pipe at once, one is refused") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  struct State {
    test::Gate first;
    test::Gate second;
  };
  test::Shared<State> state;
  Child other = Child::forked([&] {
    expect(state->first.wait(), "first");
    try {
      const auto receiver = ipc::kinds::pipe.listen("", {.fd = ends[0]});
      state->second.open();
      ::pause();
    } catch (const ipc::Error& error) {
      return error.trouble() == ipc::Trouble::in_use ? 0 : 2;
    }
    return 1;
  });
  {
    const test::Kernel locking(once_before("from now on this process receives", [&] {
      state->first.open();
      CHECK_FALSE(state->second.wait(1, 300ms));
    }));
    const auto receiver = ipc::kinds::pipe.listen("", {.fd = ends[0]});
    CHECK(other.wait() == 0);
  }
  ::close(ends[1]);
}

}  // namespace

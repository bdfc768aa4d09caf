#include "ipc/sys/call.hpp"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>

#include <doctest/doctest.h>

#include "ipc/sys/error.hpp"
#include "ipc/sys/wait.hpp"
#include "tests/support/guard.hpp"

namespace {

using namespace ipc;
using namespace std::chrono_literals;

class Interrupted : public sys::Observer {
 public:
  bool before(const sys::Call&, sys::Result& pretended) override {
    if (++times > 3) return false;
    pretended = {"test", -1, EINTR};
    return true;
  }
  int times = 0;
};

TEST_CASE("an interrupted call is made again, one that must not be is not") {
  Interrupted observer;
  sys::observe(&observer);
  int made = 0;
  const auto act = [&] {
    ++made;
    return 5;
  };
  const auto nothing = [] { return std::string(); };
  const auto again = sys::perform("test", "test", act, nothing);
  CHECK(again.ok());
  CHECK(again.count() == 5);
  CHECK(observer.times == 4);
  observer.times = 0;
  CHECK(sys::perform_once("test", "test", act, nothing).error == EINTR);
  sys::observe(nullptr);
  CHECK(made == 1);
}

TEST_CASE("an error says call, object and reason, and what can be done about a limit") {
  const sys::Result failed{"openat", -1, EMFILE};
  try {
    (void)failed.check("/some/where");
    FAIL("it did not throw");
  } catch (const Error& error) {
    CHECK(error.trouble() == Trouble::limit);
    CHECK(error.code() == std::errc::too_many_files_open);
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(std::string(error.what()) ==
          "openat /some/where: Too many open files (RLIMIT_NOFILE = " +
              std::to_string(limit.rlim_cur) +
              "; raise it with ulimit -n, for a service LimitNOFILE=)");
  }
  CHECK(Error("read", "", EIO).trouble() == Trouble::failed);
  CHECK(std::string(Error("read", "", EIO).what()) == "read: Input/output error");
}

TEST_CASE_FIXTURE(test::Guard, "a wait in a storm of signals keeps its deadline") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  struct sigaction quiet {};
  quiet.sa_handler = [](int) {};
  struct sigaction before {};
  ::sigaction(SIGVTALRM, &quiet, &before);
  timer_t timer{};
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGVTALRM;
  REQUIRE(::timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  const itimerspec often{{0, 1'000'000}, {0, 1'000'000}};
  ::timer_settime(timer, 0, &often, nullptr);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(sys::wait_readable(ends[0], Deadline::after(200ms), "test"));
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(took >= 200ms);
  CHECK(took < 1s);
  CHECK(sys::wait_writable(ends[1], Deadline::never(), "test"));
  ::timer_delete(timer);
  ::sigaction(SIGVTALRM, &before, nullptr);
  ::close(ends[1]);
  CHECK(sys::wait_readable(ends[0], Deadline::never(), "test"));  // the end is something to read
  ::close(ends[0]);
}

}  // namespace

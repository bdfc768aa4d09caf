// Leases by themselves, over objects that are plain files.
#include "ipc/sys/lease.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include "ipc/sys/call.hpp"
#include "ipc/sys/error.hpp"
#include "ipc/sys/lease_file.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/signal_quota.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ipc;
using namespace std::chrono_literals;
using test::Child;

sys::Lease::Terms terms() {
  return {.kind = "test", .max_message = 1000, .max_senders = 4};
}

void make(const std::string& path) {
  std::ofstream(path) << "object";
}

std::unique_ptr<sys::Lease> take() {
  return std::make_unique<sys::Lease>(sys::resolve("demo"), terms(), make);
}

Trouble trouble_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.trouble();
  }
  FAIL("no error was thrown");
  return Trouble::failed;
}

TEST_CASE_FIXTURE(test::Guard, "a lease leads to its object, and both go at its end") {
  const auto lease = take();
  CHECK(fs::read_symlink(directory() + "/demo").string() ==
        fs::path(lease->object_path()).filename());
  CHECK(entries().size() == 3);
  const int fd = ::open((directory() + "/.demo.lease").c_str(), O_RDWR | O_CLOEXEC);
  const auto page = sys::read_lease(fd, "demo");
  ::close(fd);
  CHECK(sys::kind_of(page) == "test");
  CHECK(page.pid == ::getpid());
  CHECK(page.max_message == 1000);
  CHECK(page.max_senders == 4);
  CHECK(page.start_time > 0);
  CHECK(directory() + "/" + sys::object_of(page) == lease->object_path());
}

TEST_CASE_FIXTURE(test::Guard, "an object that cannot be made leaves nothing behind") {
  CHECK_THROWS_AS(sys::Lease(sys::resolve("demo"), terms(),
                             [](const std::string& path) { throw Error("make", path, EIO); }),
                  Error);
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(
    test::Guard,
    "a temporary lease of a killed newcomer is swept with its object; a living one's is not") {
  test::Shared<test::Gate> making;
  const auto newcomer = [&] {
    return Child::run([&] {
      const sys::Lease lease(sys::resolve("demo"), terms(), [&](const std::string& path) {
        make(path);
        making->open();
        for (;;) ::pause();
      });
      return 0;
    });
  };
  Child dies = newcomer();
  REQUIRE(making->wait(1));
  Child lives = newcomer();
  REQUIRE(making->wait(2));
  CHECK(entries().size() == 4);
  dies.kill();
  {
    const auto lease = take();
    CHECK(entries().size() == 5);  // ours and the living newcomer's
  }
  CHECK(entries().size() == 2);
  lives.kill();
  take().reset();
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(test::Guard, "of many who come at once one has the name, again and again") {
  struct State {
    test::Gate start;
    std::atomic<int> won{0};
    std::atomic<int> refused{0};
    test::Gate tried;
  };
  for (int round = 0; round < 15; ++round) {
    CAPTURE(round);
    if (round % 3 == 1) {
      Child dead = Child::run([] {
        (void)take().release();
        return 0;
      });
      CHECK(dead.wait() == 0);
    }
    test::Shared<State> state;
    std::vector<Child> contenders;
    for (int i = 0; i < 12; ++i)
      contenders.push_back(Child::run([&] {
        test::expect(state->start.wait(), "start");
        std::unique_ptr<sys::Lease> lease;
        try {
          lease = take();
          ++state->won;
        } catch (const Error& error) {
          test::expect(error.trouble() == Trouble::in_use, error.what());
          ++state->refused;
        }
        state->tried.open();
        test::expect(state->tried.wait(12), "the others");
        return 0;
      }));
    state->start.open();
    for (auto& child : contenders) CHECK(child.wait() == 0);
    CHECK(state->won.load() == 1);
    CHECK(state->refused.load() == 11);
    CHECK(entries().empty());
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "who comes and goes without pause never finds a name that is broken") {
  test::Shared<std::atomic<int>> taken;
  std::vector<Child> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(Child::run([&] {
      for (int round = 0; round < 200; ++round) {
        try {
          (void)take();
          ++*taken;
        } catch (const Error& error) {
          test::expect(error.trouble() == Trouble::in_use, error.what());
        }
      }
      return 0;
    }));
  for (auto& child : all) CHECK(child.wait() == 0);
  CHECK(taken->load() > 50);
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(test::Guard, "a seat belongs to the incarnation that it was taken in") {
  auto lease = take();
  const auto path = sys::resolve("demo");
  sys::Seat seat(path, "test");
  CHECK(trouble_of([&] { sys::Seat(path, "other"); }) == Trouble::invalid);
  SUBCASE("the receiver ends before the sender enters") {
    lease.reset();
    CHECK(trouble_of([&] { seat.enter(); }) == Trouble::no_receiver);
  }
  SUBCASE("another takes the name before the sender enters") {
    lease.reset();
    lease = take();
    CHECK(trouble_of([&] { seat.enter(); }) == Trouble::no_receiver);
  }
  SUBCASE("another takes the name later") {
    seat.enter();
    CHECK(seat.receiver_lives());
    lease.reset();
    lease = take();
    ::usleep(260'000);
    CHECK_FALSE(seat.receiver_lives());
    CHECK_FALSE(seat.receiver_lives());
  }
}

TEST_CASE_FIXTURE(test::Guard, "a place that has had all owners it can number is passed over") {
  const auto lease = take();
  const auto enter = [] {
    sys::Seat seat(sys::resolve("demo"), "test");
    seat.enter();
    return std::pair(seat.slot_number(), seat.id());
  };
  CHECK(enter().first == 0);
  sys::Tenure tenure = sys::Tenure::unpacked(lease->slots()[0].tenure.load());
  // Numbers have 32 bits, and four places share them.
  tenure.generation = std::numeric_limits<std::uint32_t>::max() / 4 - 1;
  lease->slots()[0].tenure.store(tenure.packed());
  CHECK(enter() == std::pair(0u, std::numeric_limits<std::uint32_t>::max() / 4 * 4));
  CHECK(enter().first == 1);
}

class FailingLook : public sys::Observer {
 public:
  bool before(const sys::Call& call, sys::Result& pretended) override {
    if (std::string_view(call.name) != "newfstatat") return false;
    pretended = {call.name, -1, EIO};
    ++failed;
    return true;
  }
  int failed = 0;
};

TEST_CASE_FIXTURE(test::Guard,
                  "a look that fails is told, and is not taken for the receiver's end") {
  const auto lease = take();
  sys::Seat seat(sys::resolve("demo"), "test");
  seat.enter();
  ::usleep(260'000);
  FailingLook observer;
  sys::observe(&observer);
  CHECK(trouble_of([&] { (void)seat.receiver_lives(); }) == Trouble::failed);
  sys::observe(nullptr);
  CHECK(observer.failed == 1);
  CHECK(seat.receiver_lives());
}

TEST_CASE_FIXTURE(test::Guard, "a lease whose directory has become a file is gone") {
  const auto place = directory() + "/place";
  fs::create_directory(place);
  auto lease = std::make_unique<sys::Lease>(sys::resolve(place + "/demo"), terms(), make);
  sys::Seat seat(sys::resolve(place + "/demo"), "test");
  seat.enter();
  fs::rename(place, place + "-moved");
  make(place);
  ::usleep(260'000);
  CHECK_FALSE(seat.receiver_lives());
  fs::remove(place);
  fs::rename(place + "-moved", place);
  lease.reset();
  fs::remove(place);
}

TEST_CASE_FIXTURE(
    test::Guard,
    "a lease that is damaged or of another version is told as corrupt, and can be removed") {
  take().reset();
  Child dead = Child::run([] {
    (void)take().release();
    return 0;
  });
  CHECK(dead.wait() == 0);
  const auto file = directory() + "/.demo.lease";
  const auto spoil = [&](off_t offset, std::uint32_t value) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::pwrite(fd, &value, sizeof value, offset) == sizeof value);
    ::close(fd);
  };
  std::uint32_t version = sys::kLeaseVersion;
  bool names_its_object = false;  // and says that it is a lease of ours
  SUBCASE("the magic") {
    spoil(0, 0);
  }
  SUBCASE("the version") {
    spoil(offsetof(sys::LeasePage, version), ++version);
    names_its_object = true;
  }
  SUBCASE("the number of places") {
    spoil(offsetof(sys::LeasePage, max_senders), 4000);
    names_its_object = true;
  }
  SUBCASE("no places") {
    spoil(offsetof(sys::LeasePage, max_senders), 0);
    names_its_object = true;
  }
  SUBCASE("cut short") {
    fs::resize_file(file, 100);
  }
  SUBCASE("empty") {
    fs::resize_file(file, 0);
  }
  CHECK(trouble_of([] { (void)take(); }) == Trouble::corrupt);
  CHECK(trouble_of([] { sys::Seat(sys::resolve("demo"), "test"); }) == Trouble::corrupt);
  if (names_its_object) {
    CHECK_NOTHROW(sys::remove_dead(sys::resolve("demo")));
    CHECK(entries().empty());
  } else {
    CHECK(trouble_of([] { sys::remove_dead(sys::resolve("demo")); }) == Trouble::corrupt);
  }
  for (const auto& entry : fs::directory_iterator(directory())) fs::remove(entry);
}

TEST_CASE_FIXTURE(test::Guard,
                  "an object name in a lease that points elsewhere removes nothing there") {
  const auto precious = directory() + "/precious";
  std::ofstream(precious) << "precious";
  Child dead = Child::run([] {
    (void)take().release();
    return 0;
  });
  CHECK(dead.wait() == 0);
  for (const std::string name : {"precious", "../precious", "/etc/hostname", ""}) {
    char field[64] = {};
    name.copy(field, sizeof field);
    const int fd = ::open((directory() + "/.demo.lease").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::pwrite(fd, field, sizeof field, offsetof(sys::LeasePage, object)) == sizeof field);
    ::close(fd);
    take().reset();
    CHECK(fs::exists(precious));
    Child again = Child::run([] {
      (void)take().release();
      return 0;
    });
    CHECK(again.wait() == 0);
  }
  for (const auto& entry : fs::directory_iterator(directory())) fs::remove(entry);
}

TEST_CASE_FIXTURE(test::Guard, "a share of the user's signals is not waited for when it is free") {
  const auto lease = take();
  sys::Seat seat(sys::resolve("demo"), "test");
  seat.enter();
  sys::SignalQuota quota;
  quota.limit = 4;
  sys::SignalShare share(seat, quota);
  sys::SignalTally tally(lease->slots(), quota);
  tally.enter(seat.slot_number(), seat.id() / seat.max_senders());
  const auto fill = [&] {
    while (share.has_room()) share.count();
  };
  auto least =
      std::chrono::nanoseconds::max();  // of several tries, so that a busy machine does not count
  for (int i = 0; i < 5; ++i) {
    fill();
    while (!share.is_idle())
      tally.count(seat.slot_number());  // before the sender says that it waits
    const auto before = Deadline::Clock::now();
    share.wait(Deadline::after(10s));
    least = std::min<std::chrono::nanoseconds>(least, Deadline::Clock::now() - before);
  }
  CHECK(least < sys::Seat::kLook);
  fill();
  std::thread receiver([&] {
    while (seat.slot().room_wanted.load() == 0) std::this_thread::yield();
    tally.count(seat.slot_number());
    tally.count(seat.slot_number());
  });
  while (!share.has_room()) share.wait(Deadline::after(10s));  // for half of four
  receiver.join();
  CHECK_FALSE(share.is_idle());
}

}  // namespace

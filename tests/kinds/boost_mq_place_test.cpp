// The queues that Boost's kind makes in /dev/shm: how many there are, whose, and when they go.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "tests/kinds/boost_mq_case.hpp"

namespace boost_mq_test {
namespace {

TEST_CASE_FIXTURE(Case, "senders that nobody reads leave no more than 17 queues in a place") {
  const auto receiver = boost_mq.listen("demo");
  for (int i = 0; i < 17; ++i) send(*boost_mq.connect("demo"), std::to_string(i));
  CHECK(queues_of(lease()).size() == 17);
  const auto late = boost_mq.connect("demo");
  CHECK(late->send(bytes_of("late"), Deadline::after(20ms)) == Status::timed_out);
  CHECK(queues_of(lease()).size() == 17);
  std::vector<std::string> wanted;
  for (int i = 0; i < 17; ++i) wanted.push_back(std::to_string(i));
  CHECK(hear(*receiver, 300ms).messages == wanted);
  send(*late, "late");
  CHECK(hear(*receiver, 300ms).messages == std::vector<std::string>{"late"});
  CHECK(queues_of(lease()).size() == 1);
}

TEST_CASE_FIXTURE(Case, "a full /dev/shm is an error when a sender connects, and leaves nothing") {
  Child other = Child::run([&] {
    expect(::unshare(CLONE_NEWNS) == 0, "unshare");
    expect(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
    expect(::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=600k") == 0, "tmpfs");
    const auto receiver = boost_mq.listen("demo");
    const auto first = boost_mq.connect("demo");
    const auto second = boost_mq.connect("demo");
    try {
      (void)boost_mq.connect("demo");
      expect(false, "a third queue of 256 KiB in 600");
    } catch (const ipc::Error& error) {
      expect(error.trouble() == ipc::Trouble::limit, error.what());
      for (const auto* part : {"/dev/shm", "--capacity", "remount"})
        expect(std::string(error.what()).find(part) != std::string::npos, error.what());
    }
    expect(queues_of(lease()).size() == 2, "nothing is left of the third");
    Child sends = Child::run(
        [&] { return boost_mq.connect("demo")->send(bytes_of("x")) == Status::ok ? 1 : 2; });
    expect(sends.wait() == 99, "it fails in another process, too");
    expect(second->send(bytes_of("fits"), Deadline::after(5s)) == Status::ok, "no SIGBUS");
    expect(text_of(receiver->receive(Deadline::after(5s)).message) == "fits", "fits");
    return 0;
  });
  CHECK(other.wait() == 0);
}

constexpr uid_t kNobody = 65534;

TEST_CASE_FIXTURE(Case, "root's sender leaves nothing that the receiver's user could not remove") {
  REQUIRE(::geteuid() == 0);
  const auto place = directory() + "/theirs";
  REQUIRE(::mkdir(place.c_str(), 0700) == 0);
  REQUIRE(::chown(place.c_str(), kNobody, kNobody) == 0);
  REQUIRE(::chmod(directory().c_str(), 0711) == 0);
  struct State {
    test::Gate listens, looked;
  };
  Shared<State> state;
  Child theirs = Child::run([&] {
    expect(::setgid(kNobody) == 0 && ::setuid(kNobody) == 0, "setuid");
    const auto receiver = boost_mq.listen(place + "/demo");
    state->listens.open();
    expect(text_of(receiver->receive(Deadline::after(5s)).message) == "from root", "from root");
    expect(state->looked.wait(), "looked");
    return 0;
  });
  REQUIRE(state->listens.wait());
  const auto out = boost_mq.connect(place + "/demo");
  send(*out, "from root");
  const auto queues = queues_of(place + "/.demo.lease");
  REQUIRE(queues.size() == 1);
  struct stat about {};
  REQUIRE(::stat(("/dev/shm/" + *queues.begin()).c_str(), &about) == 0);
  CHECK(about.st_uid == kNobody);
  state->looked.open();
  CHECK(theirs.wait() == 0);
  CHECK_FALSE(fs::exists("/dev/shm/" + *queues.begin()));
  fs::remove_all(place);
}

TEST_CASE_FIXTURE(Case, "another user's sender is refused, with the reason") {
  REQUIRE(::geteuid() == 0);
  REQUIRE(::chmod(directory().c_str(), 0711) == 0);
  ipc::Options open;
  open.mode = 0666;
  const auto receiver = boost_mq.listen(directory() + "/demo", open);
  Child other = Child::run([&] {
    expect(::setgid(kNobody) == 0 && ::setuid(kNobody) == 0, "setuid");
    try {
      (void)boost_mq.connect(directory() + "/demo");
    } catch (const ipc::Error& error) {
      expect(error.trouble() == ipc::Trouble::invalid, error.what());
      expect(std::string(error.what()).find("is of user 0") != std::string::npos, error.what());
      return 0;
    }
    return 1;
  });
  CHECK(other.wait() == 0);
  CHECK(queues_of(lease()).empty());
}

TEST_CASE_FIXTURE(Case, "senders killed while receivers come to good ends leave no queue") {
  // A queue could be made just after the end of a receiver has removed all that there were.
  std::mt19937 random(1);
  Child ends = Child::run([] {
    for (;;) boost_mq.listen("demo").reset();
    return 0;
  });
  for (int i = 0; i < 300; ++i) {
    Child victim = Child::run([] {
      for (;;) {
        try {
          const auto out = boost_mq.connect("demo");
          (void)out->send(bytes_of("x"), Deadline::at_once());
        } catch (const ipc::Error& error) {
          expect(error.trouble() == ipc::Trouble::no_receiver, error.what());
        }
      }
      return 0;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    victim.kill();
  }
  ends.kill();
  boost_mq.remove("demo");
  // The guard looks whether anything is left in /dev/shm.
}

}  // namespace
}  // namespace boost_mq_test

// What is special to Boost's queue: what the death or the stop of a process that has its lock does, and
// what does not happen then.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"

namespace {

namespace bi = boost::interprocess;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using ipc::Deadline;
using ipc::Status;
using ipc::kinds::boost_mq;
using test::Child;
using test::expect;
using test::Shared;

std::string text_of(ipc::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ipc::Bytes text(std::string_view text) {
  return std::as_bytes(std::span(text));
}
void send(ipc::Sender& out, std::string_view message) {
  expect(out.send(text(message), Deadline::after(5s)) == Status::ok, "send");
}

// The queues of a live receiver, by what its lease says they begin with (docs/formats.md).
std::set<std::string> queues_of(const std::string& lease) {
  std::ifstream file(lease, std::ios::binary);
  std::array<char, 64> object{};
  REQUIRE(file.seekg(40).read(object.data(), object.size()));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator("/dev/shm"))
    if (const auto name = entry.path().filename().string();
        name.starts_with(std::string(object.data()) + "."))
      names.insert(name);
  return names;
}

// Boost's own memory of a queue, for a process that is to have its lock: as if it had been
// interrupted inside try_send or try_receive.
class Inside {
 public:
  explicit Inside(const std::string& name)
      : region_(bi::shared_memory_object(bi::open_only, name.c_str(), bi::read_write),
                bi::read_write) {}
  void lock() { header().m_mutex.lock(); }
  void unlock() { header().m_mutex.unlock(); }

 private:
  using Placed =
      bi::ipcdetail::managed_open_or_create_impl<bi::shared_memory_object, 0, true, false>;
  using Header = bi::ipcdetail::mq_hdr_t<bi::offset_ptr<void>>;
  Header& header() {
    return *reinterpret_cast<Header*>(static_cast<char*>(region_.get_address()) +
                                      Placed::ManagedOpenOrCreateUserOffset);
  }
  bi::mapped_region region_;
};

struct Case : test::Guard {
  std::string lease() const { return directory() + "/.demo.lease"; }
  std::string only_queue() const {
    const auto names = queues_of(lease());
    expect(names.size() == 1, "one queue");
    return *names.begin();
  }
  /// The queue that there is beside those in `before`.
  std::string new_queue(const std::set<std::string>& before) const {
    for (const auto& name : queues_of(lease()))
      if (!before.contains(name)) return name;
    throw std::runtime_error("no new queue");
  }
};

// All that comes until nothing has come for a while.
struct Heard {
  std::vector<std::string> messages;
  std::vector<ipc::Received> deaths;
};
Heard hear(ipc::Receiver& receiver, std::chrono::milliseconds quiet = 1s) {
  Heard heard;
  for (;;) {
    const auto got = receiver.receive(Deadline::after(quiet));
    if (got.status == Status::timed_out) return heard;
    if (got.status == Status::ok) heard.messages.push_back(text_of(got.message));
    if (got.status == Status::died) heard.deaths.push_back(got);
  }
}

void wait_for_stop(const Child& child) {
  siginfo_t info{};
  expect(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT) == 0, "waitid");
}

TEST_CASE_FIXTURE(Case,
                  "a sender killed with the lock takes along what it had finished, and no more") {
  const auto receiver = boost_mq.listen("demo");
  const auto other = boost_mq.connect("demo");
  send(*other, "before");
  const auto others = queues_of(lease());
  bool with_the_lock = false;
  SUBCASE("with the lock") {
    with_the_lock = true;
  }
  SUBCASE("without it") {}
  Child victim = Child::run([&] {
    const auto out = boost_mq.connect("demo");
    for (const auto* word : {"a", "b", "c"}) send(*out, word);
    Inside queue(new_queue(others));
    if (with_the_lock) queue.lock();
    return ::raise(SIGKILL);
  });
  CHECK(victim.wait() == -SIGKILL);
  const auto start = Clock::now();
  send(*other, "after");
  const auto first = receiver->receive(Deadline::after(1s));
  CHECK(text_of(first.message) == "before");
  CHECK(Clock::now() - start < 100ms);
  auto heard = hear(*receiver);
  REQUIRE(heard.deaths.size() == 1);
  CHECK(heard.deaths[0].peer.claimed_pid == victim.pid());
  if (with_the_lock) {
    CHECK(boost_mq.traits.may_lose);
    CHECK(heard.messages == std::vector<std::string>{"after"});
  } else {
    const std::multiset<std::string> all(heard.messages.begin(), heard.messages.end());
    CHECK(all == std::multiset<std::string>{"a", "after", "b", "c"});
  }
  CHECK(queues_of(lease()) == others);
}

TEST_CASE_FIXTURE(Case, "a sender stopped with the lock holds up nobody, and goes on") {
  const auto receiver = boost_mq.listen("demo");
  const auto other = boost_mq.connect("demo");
  const auto others = queues_of(lease());
  Child victim = Child::run([&] {
    const auto out = boost_mq.connect("demo");
    send(*out, "a");
    Inside queue(new_queue(others));
    queue.lock();
    ::raise(SIGSTOP);
    queue.unlock();
    send(*out, "b");
    return 0;
  });
  wait_for_stop(victim);
  auto slowest = 0ns;
  for (int i = 0; i < 100; ++i) {
    const auto start = Clock::now();
    send(*other, std::to_string(i));
    const auto got = receiver->receive(Deadline::after(5s));
    REQUIRE(text_of(got.message) == std::to_string(i));
    slowest = std::max<std::chrono::nanoseconds>(slowest, Clock::now() - start);
  }
  CHECK(slowest < 100ms);
  const auto start = Clock::now();
  CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
  CHECK(Clock::now() - start < 20ms);
  CHECK(receiver->receive(Deadline::after(300ms)).status == Status::timed_out);
  CHECK(Clock::now() - start < 350ms);
  victim.signal(SIGCONT);
  CHECK(hear(*receiver).messages == std::vector<std::string>{"a", "b"});
  CHECK(victim.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "a receiver stopped with the lock looks like a full channel") {
  Shared<test::Gate> listens;
  Child victim = Child::run([&] {
    const auto receiver = boost_mq.listen("demo");
    listens->open();
    expect(receiver->receive(Deadline::after(5s)).status == Status::ok, "the first");
    Inside queue(only_queue());
    queue.lock();
    ::raise(SIGSTOP);
    queue.unlock();
    expect(text_of(receiver->receive(Deadline::after(5s)).message) == "last", "the last");
    return 0;
  });
  REQUIRE(listens->wait());
  const auto out = boost_mq.connect("demo");
  send(*out, "first");
  wait_for_stop(victim);
  for (const auto patience : {0ms, 1ms, 30ms, 300ms}) {
    auto least = 1s;  // of several, so that a busy machine does not count
    for (int i = 0; i < 3; ++i) {
      const auto start = Clock::now();
      CHECK(out->send(text("no room"), Deadline::after(patience)) == Status::timed_out);
      CHECK(Clock::now() - start >= patience);
      least = std::min(
          least, std::chrono::ceil<std::chrono::seconds>(Clock::now() - start - patience - 4ms));
    }
    CHECK(least <= 0s);
  }
  victim.signal(SIGCONT);
  send(*out, "last");
  CHECK(victim.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "a receiver killed with the lock is told as closed, and its queues go") {
  Shared<test::Gate> listens;
  Child victim = Child::run([&] {
    const auto receiver = boost_mq.listen("demo");
    listens->open();
    expect(receiver->receive(Deadline::after(5s)).status == Status::ok, "the first");
    Inside queue(only_queue());
    queue.lock();
    return ::raise(SIGKILL);
  });
  REQUIRE(listens->wait());
  const auto out = boost_mq.connect("demo");
  send(*out, "first");
  CHECK(victim.wait() == -SIGKILL);
  const auto start = Clock::now();
  Status status = Status::ok;
  while (status != Status::closed && Clock::now() - start < 2s)
    status = out->send(text("x"), Deadline::after(50ms));
  CHECK(status == Status::closed);
  CHECK(Clock::now() - start < 1s);
  const auto old = queues_of(lease());
  CHECK(old.size() == 1);
  const auto next = boost_mq.listen("demo");
  for (const auto& name : old) CHECK_FALSE(fs::exists("/dev/shm/" + name));
  const auto again = boost_mq.connect("demo");
  send(*again, "new life");
  CHECK(text_of(next->receive(Deadline::after(1s)).message) == "new life");
}

TEST_CASE_FIXTURE(Case, "a sender killed at random takes along no more than its queue holds") {
  const auto receiver = boost_mq.listen("demo");
  struct State {
    test::Gate connected;
    std::atomic<std::uint32_t> sent{0};
  };
  std::mt19937 random(42);
  std::uint32_t lost = 0;
  std::uint32_t most = 0;
  constexpr int kills = 20;
  for (int kill = 0; kill < kills; ++kill) {
    Shared<State> state;
    Child victim = Child::run([&] {
      const auto out = boost_mq.connect("demo");
      state->connected.open();
      // Most of the time is spent in copying, under the lock.
      for (const std::string message(8000, '.');; ++state->sent)
        expect(out->send(text(message)) == Status::ok, "send");
      return 0;
    });
    REQUIRE(state->connected.wait());
    // Killed while the receiver keeps up, or it would sleep before a full queue, without the lock.
    std::thread killer([&, pause = std::chrono::microseconds(random() % 3000)] {
      std::this_thread::sleep_for(pause);
      victim.signal(SIGKILL);
    });
    std::uint32_t received = 0;
    auto got = receiver->receive(Deadline::after(5s));
    for (; got.status != Status::died && got.status != Status::timed_out;
         got = receiver->receive(Deadline::after(5s)))
      if (got.status == Status::ok) ++received;
    killer.join();
    CHECK(victim.wait() == -SIGKILL);
    REQUIRE(got.status == Status::died);
    // One that was killed between sending and counting has sent one more than it says.
    REQUIRE(received <= state->sent + 1);
    const auto missing = state->sent - std::min(state->sent.load(), received);
    lost += missing;
    most = std::max(most, missing);
  }
  MESSAGE(kills << " kills, " << lost << " finished messages lost, by one of them at most "
                << most);
  CHECK(most <= 16);
  CHECK(queues_of(lease()).size() <= 1);
}

TEST_CASE_FIXTURE(Case, "senders that nobody reads leave no more than 17 queues in a place") {
  const auto receiver = boost_mq.listen("demo");
  for (int i = 0; i < 17; ++i) send(*boost_mq.connect("demo"), std::to_string(i));
  CHECK(queues_of(lease()).size() == 17);
  const auto late = boost_mq.connect("demo");
  CHECK(late->send(text("late"), Deadline::after(20ms)) == Status::timed_out);
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
    Child sends =
        Child::run([&] { return boost_mq.connect("demo")->send(text("x")) == Status::ok ? 1 : 2; });
    expect(sends.wait() == 99, "it fails in another process, too");
    expect(second->send(text("fits"), Deadline::after(5s)) == Status::ok, "no SIGBUS");
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
          (void)out->send(text("x"), Deadline::at_once());
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

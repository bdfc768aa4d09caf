// Sentence 8: one receiver per address; the dead are taken over; nothing foreign is touched.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "ipc/kinds.hpp"
#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

namespace fs = std::filesystem;

TEST_CASE_FIXTURE(Case,
                  "a second receiver is refused at once, naming the first, which is unharmed") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  RemoteReceiver first(address, [](ipc::Receiver& receiver) {
    return text_of(Ears(receiver).next().message) == "still yours" ? 0 : 1;
  });
  const auto out = connect(address);
  const Stopwatch watch;
  for (int i = 0; i < 3; ++i) {
    const auto error = error_of([&] { return kind().listen(address); });
    CHECK(error.trouble() == ipc::Trouble::in_use);
    CHECK(contains(error.what(), std::to_string(first.process().pid())));
    CHECK(contains(error.what(), program_invocation_short_name));
    CHECK(contains(error.what(), directory() + "/" + address));
    CHECK(error_of([&] {
            kind().remove(address);
            return 0;
          }).trouble() == ipc::Trouble::in_use);
  }
  CHECK(watch.elapsed() < 1s);
  CHECK(out->send(text("still yours"), Deadline::after(5s)) == Status::ok);
  CHECK(first.process().wait() == 0);
}

TEST_CASE_FIXTURE(Case, "another kind's address is refused on both sides, naming the kind") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  const auto receiver = kind().listen(address);
  for (const auto* other : ipc::kinds::all) {
    if (other == &kind() || !other->traits.named) continue;
    CAPTURE(std::string(other->name));
    CHECK(contains(error_of([&] { return other->connect(address); }).what(),
                   std::string(kind().name)));
    const auto error = error_of([&] { return other->listen(address); });
    CHECK(error.trouble() == ipc::Trouble::in_use);
    CHECK(contains(error.what(), std::string(kind().name)));
  }
  const auto out = connect(address);
  CHECK(out->send(text("x"), Deadline::after(5s)) == Status::ok);
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
}

TEST_CASE_FIXTURE(Case, "a dead receiver of one kind gives way to one of another") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  for (const auto* other : ipc::kinds::all) {
    if (!other->traits.named) continue;
    RemoteReceiver first(address, sleep_for_ever);
    first.kill();
    if (kind().traits.durable && other != &kind()) {
      // What it holds may be unread, and only its own kind knows.
      CHECK(error_of([&] { return other->listen(address); }).trouble() == ipc::Trouble::in_use);
      kind().remove(address);
    }
    (void)other->listen(address);
    CHECK(entries().empty());
  }
}

struct Ownership {
  test::Gate start;
  std::atomic<int> owners{0};
  std::atomic<int> won{0};
  std::atomic<int> refused{0};
  std::atomic<bool> two{false};
  std::atomic<bool> over{false};
};

TEST_CASE_FIXTURE(Case, "of several who take over a dead receiver at once exactly one wins") {
  if (!kind().traits.named) return;
  const int rounds = test::is_long() ? 100 : 20;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    const auto address = fresh_address();
    if (round % 2 == 0) RemoteReceiver(address, sleep_for_ever).kill();
    Shared<Ownership> state;
    Shared<test::Gate> done;
    std::vector<Child> contenders;
    for (int i = 0; i < 6; ++i)
      contenders.push_back(Child::run([&] {
        expect(state->start.wait(), "start");
        std::unique_ptr<ipc::Receiver> receiver;
        try {
          receiver = kind().listen(address);
          if (++state->owners > 1) state->two = true;
          ++state->won;
        } catch (const ipc::Error& error) {
          expect(error.trouble() == ipc::Trouble::in_use, error.what());
          ++state->refused;
        }
        done->open();
        expect(done->wait(6), "the others");
        --state->owners;
        return 0;
      }));
    state->start.open();
    for (auto& child : contenders) CHECK(child.wait() == 0);
    CHECK(state->won == 1);
    CHECK(state->refused == 5);
    CHECK_FALSE(state->two);
    CHECK(entries().empty());
  }
}

// Whether a process has begun to end, or is gone: proc(5), the ninth field of stat. The kernel marks it
// before it drops any lock, and calls it a zombie only afterwards.
bool is_dying(std::int64_t pid) {
  constexpr unsigned long kExiting = 0x4;  // PF_EXITING in linux/sched.h
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  if (line.empty()) return true;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field != 9; ++field) fields >> skipped;
  unsigned long flags = 0;
  fields >> flags;
  return (flags & kExiting) != 0;
}

TEST_CASE_FIXTURE(Case, "contenders killed at any moment leave no second owner and no ruins") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  struct State : Ownership {
    std::atomic<std::int64_t> owner{0};
  };
  Shared<State> state;
  // Each notes its pid while it owns the address; the note of a dead one is void.
  const auto contend = [&] {
    return Child::run([&] {
      while (!state->over) {
        try {
          const auto receiver = kind().listen(address);
          const auto before = state->owner.exchange(::getpid());
          if (before != 0 && ::kill(static_cast<pid_t>(before), 0) == 0) {
            // It may be on its way out of the kernel, or not been reaped: its lock is gone, its pid is
            // not yet.
            if (!is_dying(before) && state->owner == ::getpid()) state->two = true;
          }
          ++state->won;
          std::this_thread::sleep_for(300us);
          auto self = static_cast<std::int64_t>(::getpid());
          state->owner.compare_exchange_strong(self, 0);
        } catch (const ipc::Error& error) {
          expect(error.trouble() == ipc::Trouble::in_use, error.what());
        }
      }
      return 0;
    });
  };
  std::vector<Child> contenders;
  for (int i = 0; i < 5; ++i) contenders.push_back(contend());
  std::mt19937 random(3);
  const auto end = Deadline::after(test::is_long() ? 10s : 700ms);
  const auto patience = Deadline::after(30s);  // for a busy machine and a slow file system
  while (!end.expired() || (state->won <= 50 && !patience.expired())) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    auto& victim = contenders[random() % contenders.size()];
    REQUIRE(victim.is_running());
    victim.kill();
    victim = contend();
  }
  state->over = true;
  for (auto& child : contenders) CHECK(child.wait() == 0);
  CHECK_FALSE(state->two);
  CHECK(state->won > 50);
  // The next one finds the address usable, and sweeps what the killed ones left.
  kind().listen(address).reset();
  CHECK(entries().empty());
}

// Whatever has the name and is not ours: the same file, with the same content, afterwards.
TEST_CASE_FIXTURE(Case,
                  "something foreign under the name is refused or ignored, and never touched") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  const auto path = directory() + "/" + address;
  const auto target = directory() + "/target";
  std::ofstream(target) << "precious";
  SUBCASE("a regular file") {
    std::ofstream(path) << "precious";
  }
  SUBCASE("a symbolic link") {
    fs::create_symlink(target, path);
  }
  SUBCASE("a symbolic link that leads nowhere") {
    fs::create_symlink("nowhere", path);
  }
  SUBCASE("a directory") {
    fs::create_directory(path);
  }
  SUBCASE("a foreign FIFO") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  struct stat before {};
  REQUIRE(::lstat(path.c_str(), &before) == 0);
  try {
    const auto receiver = kind().listen(address);
    const auto out = connect(address);
    CHECK(out->send(text("x"), Deadline::after(5s)) == Status::ok);
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::in_use);
    CHECK(contains(error.what(), path));
  }
  kind().remove(address);
  struct stat after {};
  REQUIRE(::lstat(path.c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  CHECK(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
  std::string content;
  std::ifstream(target) >> content;
  CHECK(content == "precious");
  CHECK(entries() == std::vector<std::string>{address, "target"});
  fs::remove(path);
  fs::remove(target);
}

TEST_CASE_FIXTURE(Case, "a foreign file in the place of the lease is refused and not touched") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  const auto lease = directory() + "/." + address + ".lease";
  const auto target = directory() + "/target";
  std::ofstream(target) << "precious";
  std::string content = "not a lease";
  SUBCASE("empty") {
    content = "";
  }
  SUBCASE("text") {}
  SUBCASE("as long as a lease") {
    content.resize(8192, 'x');
  }
  SUBCASE("a link") {
    content = "precious";
  }
  if (content == "precious")
    fs::create_symlink("target", lease);
  else
    std::ofstream(lease) << content;
  (void)error_of([&] { return kind().listen(address); });
  (void)error_of([&] { return connect(address); });
  std::ifstream file(lease);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == content);
  CHECK(entries() == std::vector<std::string>{"." + address + ".lease", "target"});
  fs::remove(lease);
  fs::remove(target);
}

TEST_CASE_FIXTURE(Case, "remove removes what a killed receiver left, and only that") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  kind().remove(address);  // nothing there: silent
  RemoteReceiver first(address, sleep_for_ever);
  const auto neighbour = listen();
  const auto with_both = entries().size();
  first.kill();
  kind().remove(address);
  CHECK(entries().size() < with_both);
  CHECK_FALSE(fs::exists(fs::symlink_status(directory() + "/" + address)));
  const auto out = connect(neighbour->address());
  CHECK(out->send(text("x"), Deadline::after(5s)) == Status::ok);
}

}  // namespace
}  // namespace conformance

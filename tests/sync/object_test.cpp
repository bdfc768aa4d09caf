// What all objects have in common: how they come and go, whose they are, what is refused.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "ipc/kinds.hpp"
#include "ipc/sync/mutex.hpp"
#include "ipc/sync/party.hpp"
#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

namespace fs = std::filesystem;
using ipc::Trouble;
using ipc::sync::Mutex;
using ipc::sync::Outcome;

std::string path_of(const Case& place) {
  return place.directory() + "/demo";
}

// Opens the mutex as somebody would who does not know what is there.
Trouble trouble_at(const std::string& path) {
  return trouble_of([&] { const Mutex mutex(path); });
}

// Makes a mutex by one who dies with it, so that there is something to keep.
void leave_a_dead_holder() {
  Child holder = Child::run([] {
    Mutex mutex("demo");
    return mutex.lock() == Outcome::ok ? ::raise(SIGKILL) : 1;
  });
  CHECK(holder.wait() == -SIGKILL);
}

// Changes bytes of the page.
template <class Value>
void overwrite(const std::string& path, std::streamoff offset, Value value) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.write(reinterpret_cast<const char*>(&value), sizeof value);
  REQUIRE(file.good());
}

TEST_CASE_FIXTURE(Case, "an object is there as long as somebody uses it") {
  auto one = std::make_unique<Mutex>("demo");
  CHECK(entries() == std::vector<std::string>{"demo"});
  auto two = std::make_unique<Mutex>("demo");
  one.reset();
  CHECK(entries().size() == 1);
  auto three = std::make_unique<Mutex>(path_of(*this));
  CHECK(two->lock() == Outcome::ok);
  CHECK(three->lock(Deadline::at_once()) == Outcome::timed_out);
  two->unlock();
  two.reset();
  CHECK(entries().size() == 1);
  three.reset();
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(Case, "what killed users leave does not grow, and the next one takes it along") {
  for (int i = 0; i < 50; ++i) {
    Child user = Child::run([] {
      const Mutex mutex("demo");
      return ::raise(SIGKILL);
    });
    CHECK(user.wait() == -SIGKILL);
    CHECK(entries().size() == 1);
    CHECK(fs::file_size(path_of(*this)) == ipc::sync::file_size(ipc::sync::kUsualParties));
  }
  { const Mutex mutex("demo"); }
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(Case, "processes that come and go by the hundred meet in one object") {
  struct Inside {
    std::atomic<int> now{0};
    std::atomic<int> rounds{0};
  };
  Shared<Inside> inside;
  std::vector<Child> children;
  for (int i = 0; i < 6; ++i)
    children.push_back(Child::run([&] {
      for (int round = 0; round < 100; ++round) {
        Mutex mutex("demo");
        expect(mutex.lock() == Outcome::ok, "lock");
        expect(inside->now.fetch_add(1) == 0, "somebody else is inside");
        ++inside->rounds;
        --inside->now;
        mutex.unlock();
      }
      return 0;
    }));
  for (auto& child : children) CHECK(child.wait() == 0);
  CHECK(inside->rounds == 600);
}

TEST_CASE_FIXTURE(Case, "killed while they come and go, users keep nobody from meeting") {
  Shared<std::atomic<int>> inside;
  const auto killed = storm(6, 500ms, [&] {
    Mutex mutex("demo");
    const Outcome outcome = mutex.lock(Deadline::after(kPatience));
    expect(outcome != Outcome::timed_out, "lock");
    expect(*inside == 0 || outcome == Outcome::owner_died, "somebody else is inside");
    *inside = 1;
    *inside = 0;
    mutex.unlock();
  });
  MESSAGE(killed << " killed");
  const Stopwatch watch;
  Mutex mutex("demo");
  CHECK(mutex.lock(Deadline::after(kAtOnce)) != Outcome::timed_out);
  CHECK(watch.of_ours() < kAtOnce);
  mutex.unlock();
}

TEST_CASE_FIXTURE(Case, "its mode is the one asked for, whatever the umask") {
  for (const mode_t mask : {0u, 022u, 077u, 0777u}) {
    const mode_t before = ::umask(mask);
    for (const mode_t mode : {0600u, 0660u, 0666u}) {
      const Mutex mutex("demo", {.mode = mode});
      struct stat about {};
      CHECK(::stat(path_of(*this).c_str(), &about) == 0);
      CHECK((about.st_mode & 07777) == mode);
    }
    ::umask(before);
  }
}

TEST_CASE_FIXTURE(Case, "no descriptor reaches a program that is started meanwhile") {
  const auto before = test::open_descriptors();
  const Mutex mutex("demo");
  for (const auto& line : test::open_descriptors()) {
    if (before.contains(line)) continue;
    CAPTURE(line);
    CHECK((::fcntl(std::stoi(line), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE_FIXTURE(Case, "what is not ours is refused and left alone") {
  const auto path = path_of(*this);
  std::ofstream(path) << "a letter";
  CHECK(trouble_at(path) == Trouble::corrupt);
  CHECK(fs::file_size(path) == 8);
  fs::remove(path);

  fs::create_directory(path);
  CHECK(trouble_at(path) == Trouble::corrupt);
  fs::remove(path);

  CHECK(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(trouble_at(path) == Trouble::corrupt);
  fs::remove(path);

  const auto receiver = ipc::kinds::fifo.listen("demo");
  CHECK(trouble_at(path) == Trouble::corrupt);
  const auto sender = ipc::kinds::fifo.connect("demo");
  CHECK(sender->send(std::as_bytes(std::span("hello"))) == ipc::Status::ok);
}

TEST_CASE_FIXTURE(Case, "another kind, another version and a damaged page are refused, named") {
  const auto path = path_of(*this);
  leave_a_dead_holder();
  overwrite(path, 8, ipc::sync::kVersion + 1);
  CHECK(sentence_of([&] { const Mutex mutex("demo"); }) ==
        "open " + path + ": has version 3, this program speaks version 2");
  CHECK(trouble_at(path) == Trouble::corrupt);
  overwrite(path, 8, ipc::sync::kVersion);

  overwrite(path, 16, ipc::sync::Kind::barrier);
  {  // Somebody uses it, so that it is not simply made anew.
    const ipc::sync::Party other("demo", {.kind = ipc::sync::Kind::barrier}, {});
    CHECK(sentence_of([&] { const Mutex mutex("demo"); }) ==
          "open " + path + ": it is a barrier; use barrier-wait");
    CHECK(trouble_at(path) == Trouble::corrupt);
  }
  CHECK(entries().empty());

  leave_a_dead_holder();
  overwrite(path, 12, std::uint32_t{100'000});
  CHECK(trouble_at(path) == Trouble::corrupt);
  overwrite(path, 12, ipc::sync::kUsualParties);
  fs::resize_file(path, 5000);
  CHECK(trouble_at(path) == Trouble::corrupt);
  fs::remove(path);
}

TEST_CASE_FIXTURE(Case, "what nobody uses and says nothing gives way to another kind") {
  Child user = Child::run([] {
    const Mutex mutex("demo");
    return ::raise(SIGKILL);
  });
  CHECK(user.wait() == -SIGKILL);
  const ipc::sync::Party other("demo", {.kind = ipc::sync::Kind::event}, {});
  CHECK(trouble_at("demo") == Trouble::corrupt);
}

TEST_CASE_FIXTURE(Case, "what an earlier boot has left is nobody's") {
  leave_a_dead_holder();
  overwrite(path_of(*this), 32, 'x');
  Mutex mutex("demo");
  CHECK(mutex.lock(Deadline::at_once()) == Outcome::ok);
  mutex.unlock();
}

TEST_CASE_FIXTURE(
    Case, "more than its places take no part, and a place is free as soon as its party ends") {
  std::vector<std::unique_ptr<Mutex>> parties;
  const auto come = [&] {
    parties.push_back(std::make_unique<Mutex>("demo", ipc::sync::Options{.max_parties = 5}));
  };
  for (int i = 0; i < 5; ++i) come();
  CHECK(trouble_of(come) == Trouble::limit);
  parties.erase(parties.begin() + 2);
  come();
  CHECK(trouble_of(come) == Trouble::limit);
  parties.pop_back();
  Shared<Gate> here;
  Child other = Child::run([&] {
    const Mutex mutex("demo");
    here->open();
    for (;;) ::pause();
    return 0;
  });
  REQUIRE(here->wait());
  CHECK(trouble_of(come) == Trouble::limit);
  other.kill();
  come();
  CHECK(trouble_of([&] { const Mutex mutex("other", {.max_parties = 0}); }) == Trouble::invalid);
  CHECK(trouble_of([&] { const Mutex mutex("other", {.max_parties = 4097}); }) == Trouble::invalid);
}

TEST_CASE_FIXTURE(Case, "a name that cannot be is refused") {
  CHECK(trouble_at("") == Trouble::invalid);
  CHECK(trouble_at(".hidden") == Trouble::invalid);
  CHECK(trouble_at(std::string(300, 'x')) == Trouble::invalid);
  CHECK(trouble_at(directory() + "/missing/demo") == Trouble::failed);
}

TEST_CASE_FIXTURE(Case, "if any call fails it is told, and nothing stays open") {
  fail_each_call(
      [] {
        Mutex mutex("demo");
        CHECK(mutex.lock() == Outcome::ok);
        mutex.unlock();
      },
      [&] {
        { const Mutex mutex("demo"); }
        REQUIRE(entries().empty());
      });
}

}  // namespace
}  // namespace sync_test

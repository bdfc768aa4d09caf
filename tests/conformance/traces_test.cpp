// Sentence 10: private objects, descriptors that close on exec, and nothing left behind.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

namespace fs = std::filesystem;

// The modes of all that is there but links, whose mode means nothing.
std::vector<mode_t> modes_in(const std::string& directory) {
  std::vector<mode_t> modes;
  for (const auto& entry : fs::directory_iterator(directory)) {
    struct stat about {};
    REQUIRE(::lstat(entry.path().c_str(), &about) == 0);
    // Whom a directory lets in may search it as well.
    if (!S_ISLNK(about.st_mode))
      modes.push_back(about.st_mode & (S_ISDIR(about.st_mode) ? 07666 : 07777));
  }
  return modes;
}

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

TEST_CASE_FIXTURE(Case,
                  "every object has exactly the mode that was asked for, whatever the umask") {
  for (const mode_t mask : {000u, 022u, 077u, 0777u}) {
    CAPTURE(mask);
    const Umask umask(mask);
    std::vector<std::optional<mode_t>> wanted{std::nullopt};
    if (knows("mode")) wanted.insert(wanted.end(), {0660, 0600, 0666, 0622});
    for (const auto mode : wanted) {
      const auto receiver = listen({.mode = mode});
      (void)receiver->readiness_fd();
      const auto out = connect(receiver->address());
      const auto modes = modes_in(directory());
      if (kind().traits.named) CHECK_FALSE(modes.empty());
      for (const auto found : modes) CHECK(found == mode.value_or(0600));
    }
  }
}

TEST_CASE_FIXTURE(Case,
                  "an object is never more open than asked, not even while it is being made") {
  // The umask would let everybody in; watched from another process while receivers come and go.
  if (!kind().traits.named) return;
  const Umask umask(000);
  const auto address = fresh_address();
  Shared<std::atomic<bool>> over;
  Child other = Child::run([&] {
    while (!*over) kind().listen(address).reset();
    return 0;
  });
  const auto end = Deadline::after(30s);
  std::size_t seen = 0;
  while (seen < 100 && !end.expired()) {
    for (DIR* listing = ::opendir(directory().c_str()); listing;) {
      const dirent* entry = ::readdir(listing);
      if (!entry) {
        ::closedir(listing);
        break;
      }
      struct stat about {};
      if (::lstat((directory() + "/" + entry->d_name).c_str(), &about) != 0) continue;
      if (S_ISLNK(about.st_mode) || S_ISDIR(about.st_mode)) continue;
      ++seen;
      REQUIRE((about.st_mode & 077) == 0);
    }
  }
  *over = true;
  CHECK(other.wait() == 0);
  CHECK(seen >= 100);
}

TEST_CASE_FIXTURE(Case, "no descriptor reaches a program that is started meanwhile") {
  const auto before = test::open_descriptors();
  const auto receiver = listen();
  (void)receiver->readiness_fd();
  const auto out = connect(receiver->address());
  CHECK(out->send(some_bytes(100), Deadline::after(5s)) == Status::ok);
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
  CHECK(test::open_descriptors().size() > before.size());
  for (const auto& line : test::open_descriptors()) {
    if (before.contains(line)) continue;
    CAPTURE(line);
    CHECK((::fcntl(std::stoi(line), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE_FIXTURE(Case, "nothing is left after a clean end, in whatever order both sides end") {
  for (int i = 0; i < 50; ++i) {
    auto receiver = listen();
    if (i % 3 == 0) (void)receiver->readiness_fd();
    auto out = connect(receiver->address());
    (void)out->send(some_bytes(1000), Deadline::at_once());
    if (kind().traits.durable) CHECK(receiver->receive(Deadline::after(5s)));  // the unread stays
    if (i % 2) {
      out.reset();
      receiver.reset();
    } else {
      receiver.reset();
      if (!kind().traits.durable) CHECK(entries().empty());
      out.reset();
    }
    CHECK(entries().empty());
  }
}

TEST_CASE_FIXTURE(Case, "nothing grows over a hundred unclean ends") {
  if (!kind().traits.named) return;
  const auto address = fresh_address();
  std::size_t first = 0;
  for (int i = 0; i < 100; ++i) {
    RemoteReceiver other(address, sleep_for_ever);
    Child dies = sender(address, [](ipc::Sender& out) {
      (void)out.send(some_bytes(100), Deadline::at_once());
      return ::raise(SIGKILL);
    });
    CHECK(dies.wait() == -SIGKILL);
    other.kill();
    if (i == 0) first = entries().size();
    REQUIRE(entries().size() == first);
  }
  // And in one life, over a hundred unclean ends of senders.
  const auto receiver = kind().listen(address);
  Ears ears(*receiver);
  const auto descriptors = test::open_descriptors().size();
  const auto objects = entries().size();
  for (int i = 0; i < 100; ++i) {
    Child dies = sender(address, [](ipc::Sender&) { return ::raise(SIGKILL); });
    CHECK(dies.wait() == -SIGKILL);
    if (i % 10 == 9) (void)ears.next_end(nullptr, 1s);
    REQUIRE(entries().size() == objects);
    REQUIRE(test::open_descriptors().size() <= descriptors + 1);
  }
}

}  // namespace
}  // namespace conformance

// Sentence 11: a limit of the system is an error that names the limit; and options that mean nothing
// are refused.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>

#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

namespace fs = std::filesystem;

void limit_descriptors(std::size_t most) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = most;
  expect(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
}

// Runs `act` with 0, 1, 2 ... free descriptors until it succeeds; each failure must name the limit
// and leak nothing.
void check_descriptors(const std::function<void()>& act) {
  const auto before = test::open_descriptors();
  for (std::size_t free = 0;; ++free) {
    expect(free < 20, "it never succeeds");
    limit_descriptors(before.size() + free);
    bool failed = false;
    try {
      act();
    } catch (const ipc::Error& error) {
      failed = true;
      expect(error.code().value() == EMFILE, std::string("EMFILE, not ") + error.what());
      expect(error.trouble() == ipc::Trouble::limit, "a limit");
      expect(contains(error.what(), "RLIMIT_NOFILE"),
             std::string("the limit's name in: ") + error.what());
    }
    limit_descriptors(100);
    expect(test::open_descriptors() == before, "no descriptor more than before");
    if (!failed) {
      expect(free > 0, "it needs descriptors");
      return;
    }
  }
}

TEST_CASE_FIXTURE(Case, "too few descriptors is an error that names the limit, and leaks nothing") {
  const auto address = fresh_address();
  Child listens = Child::run([&] {
    check_descriptors([&] { (void)kind().listen(address); });
    check_descriptors([&] {
      const auto receiver = kind().listen(address);
      (void)receiver->readiness_fd();
    });
    return 0;
  });
  CHECK(listens.wait() == 0);
  CHECK(entries().empty());
  const auto receiver = listen();
  Child connects = Child::run([&] {
    check_descriptors([&] { (void)connect(receiver->address()); });
    return 0;
  });
  CHECK(connects.wait() == 0);
}

TEST_CASE_FIXTURE(Case, "a name that cannot be had is refused, never cut short") {
  if (!kind().traits.named) return;
  const auto refused = [&](const std::string& address) {
    CAPTURE(address);
    const auto error = error_of([&] { return kind().listen(address); });
    (void)error_of([&] { return connect(address); });
    CHECK(entries().empty());
    return error;
  };
  CHECK(contains(refused(std::string(201, 'n')).what(), "200"));
  CHECK(refused("").trouble() == ipc::Trouble::invalid);
  CHECK(refused(".hidden").trouble() == ipc::Trouble::invalid);
  CHECK(refused(std::string("a\0b", 3)).trouble() == ipc::Trouble::invalid);
  CHECK(refused(directory() + "/").trouble() == ipc::Trouble::invalid);
  CHECK(refused("..").trouble() == ipc::Trouble::invalid);
  CHECK(contains(refused("/dev/null/name").what(), "/dev/null"));
  CHECK(contains(refused(directory() + "/missing/name").what(), "/missing/"));
  CHECK(refused(directory() + "/" + std::string(300, 'd') + "/name").code().value() ==
        ENAMETOOLONG);
}

TEST_CASE_FIXTURE(Case, "the longest name and a deep directory work") {
  if (!kind().traits.named) return;
  const auto works = [&](const std::string& address) {
    CAPTURE(address);
    const auto receiver = kind().listen(address);
    const auto out = connect(address);
    CHECK(out->send(text("x"), Deadline::after(5s)) == Status::ok);
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
  };
  works(std::string(200, 'n'));
  works("name with spaces, \"quotes\" and \xff");
  auto deep = directory() + "/deep";
  while (deep.size() < 1000) deep += "/" + std::string(100, 'd');
  fs::create_directories(deep);
  works(deep + "/" + std::string(200, 'n'));
  // Relative to a directory that is left again.
  const auto before = fs::current_path();
  fs::current_path(deep);
  {
    const auto receiver = kind().listen("./relative");
    fs::current_path("/");
    const auto out = connect(deep + "/relative");
    CHECK(out->send(text("x"), Deadline::after(5s)) == Status::ok);
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
  }
  fs::current_path(before);
  CHECK(fs::is_empty(deep));
  fs::remove_all(directory() + "/deep");
}

TEST_CASE_FIXTURE(Case, "a directory or an object of others is refused, naming it") {
  if (!kind().traits.named) return;
  const auto receiver = listen();
  const auto address = directory() + "/" + receiver->address();
  REQUIRE(::chmod(directory().c_str(), 0755) == 0);
  Child other = Child::run([&] {
    // Not root, who may do anything: a user of whom nothing here is.
    if (::geteuid() == 0)
      expect(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
    else
      expect(::chmod(directory().c_str(), 0500) == 0, "chmod");
    const auto listening = [&] {
      try {
        (void)kind().listen(directory() + "/another");
      } catch (const ipc::Error& error) {
        expect(error.code().value() == EACCES, error.what());
        expect(contains(error.what(), directory()), error.what());
        return true;
      }
      return false;
    };
    expect(listening(), "no right to listen");
    if (::getuid() != 65534) return 0;
    try {
      (void)connect(address);
    } catch (const ipc::Error& error) {
      expect(error.code().value() == EACCES, error.what());
      expect(contains(error.what(), directory()), error.what());
      return 0;
    }
    return 1;
  });
  CHECK(other.wait() == 0);
  REQUIRE(::chmod(directory().c_str(), 0700) == 0);
}

TEST_CASE_FIXTURE(Case, "an option that the kind does not know is refused, naming both") {
  const struct {
    std::string_view name;
    Options options;
  } all[] = {{"mode", {.mode = 0600}},
             {"max_message", {.max_message = 1000}},
             {"max_senders", {.max_senders = 3}},
             {"capacity", {.capacity = 65536}},
             {"from_uid", {.from_uid = ::getuid()}},
             {"fd", {.fd = 0}},
             {"bare", {.bare = true}},
             {"require_receiver", {.require_receiver = true}},
             {"sync", {.sync = true}}};
  for (const auto& [name, options] : all) {
    if (knows(name)) continue;
    CAPTURE(std::string(name));
    const auto address = fresh_address();
    for (const auto& error : {error_of([&] { return kind().listen(address, options); }),
                              error_of([&] { return kind().connect(address, options); })}) {
      CHECK(error.trouble() == ipc::Trouble::invalid);
      CHECK(error.code().value() == EINVAL);
      CHECK(contains(error.what(), std::string(name)));
      CHECK(contains(error.what(), std::string(kind().name)));
    }
  }
}

TEST_CASE_FIXTURE(Case, "an option beyond its range is refused, naming the range") {
  const auto refused = [&](const Options& options, const std::string& part) {
    const auto error = error_of([&] { return listen(options); });
    CHECK(error.trouble() == ipc::Trouble::invalid);
    CHECK(contains(error.what(), part));
  };
  if (knows("max_message")) {
    refused({.max_message = 0}, "max_message");
    refused({.max_message = ipc::kMaxMessage + 1}, "16777216");
  }
  if (knows("max_senders")) {
    refused({.max_senders = 0}, "max_senders");
    refused({.max_senders = ipc::kMostSenders + 1}, "4096");
  }
  if (knows("mode")) refused({.mode = 01777}, "mode");
}

}  // namespace
}  // namespace conformance

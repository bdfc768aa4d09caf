#include "ipc/sys/name.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include <doctest/doctest.h>

#include "ipc/sys/error.hpp"
#include "tests/support/guard.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ipc;

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    if (value)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  }
  ~Variable() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST_CASE_FIXTURE(test::Guard, "a bare name lives in the first directory that is set") {
  const auto runtime = directory() + "/runtime";
  const Variable xdg("XDG_RUNTIME_DIR", runtime.c_str());
  CHECK(sys::resolve("demo").full() == directory() + "/demo");
  const Variable own("IPC_DIR", nullptr);
  CHECK(sys::resolve("demo").full() == runtime + "/ipc/demo");
  const Variable empty("XDG_RUNTIME_DIR", "");
  const auto rest = sys::resolve("demo").full();
  const auto uid = std::to_string(::geteuid());
  if (fs::is_directory("/run/user/" + uid))
    CHECK(rest == "/run/user/" + uid + "/ipc/demo");
  else
    CHECK(rest == "/tmp/ipc-" + uid + "/demo");
}

TEST_CASE("an address with a slash is that path, made absolute and tidy") {
  CHECK(sys::resolve("/tmp/x/demo").full() == "/tmp/x/demo");
  CHECK(sys::resolve("/demo").full() == "/demo");
  CHECK(sys::resolve("/tmp//x/./y/../demo").full() == "/tmp/x/demo");
  CHECK(sys::resolve("./demo").full() == (fs::current_path() / "demo").string());
  CHECK(sys::resolve("sub/demo").full() == (fs::current_path() / "sub/demo").string());
}

TEST_CASE("addresses without a usable name are refused") {
  for (const auto& address :
       {std::string(), std::string("/tmp/"), std::string(".x"), std::string("/tmp/.x"),
        std::string("."), std::string(".."), std::string(201, 'x'), std::string("a\0b", 3),
        std::string("d\0r/name", 8)}) {
    CAPTURE(address);
    CHECK_THROWS_AS((void)sys::resolve(address), Error);
  }
  CHECK(sys::resolve(std::string(200, 'x')).name.size() == 200);
}

TEST_CASE_FIXTURE(test::Guard,
                  "the user's directory is made private, and one that is not is refused") {
  const auto runtime = directory() + "/runtime";
  fs::create_directory(runtime);
  const Variable own("IPC_DIR", nullptr);
  const Variable xdg("XDG_RUNTIME_DIR", runtime.c_str());
  const auto path = sys::resolve("demo");
  const auto place = runtime + "/ipc";
  const auto mask = ::umask(0);
  SUBCASE("missing: it is made, whatever the umask") {
    sys::prepare_directory(path);
    struct stat about {};
    REQUIRE(::lstat(place.c_str(), &about) == 0);
    CHECK((about.st_mode & 07777) == 0700);
    sys::prepare_directory(path);
  }
  SUBCASE("a link to a fine one") {
    fs::create_directory(runtime + "/elsewhere");
    ::chmod((runtime + "/elsewhere").c_str(), 0700);
    fs::create_directory_symlink(runtime + "/elsewhere", place);
    CHECK_THROWS_AS(sys::prepare_directory(path), Error);
    CHECK(fs::is_empty(runtime + "/elsewhere"));
  }
  SUBCASE("open to others") {
    for (const mode_t mode : {0770u, 0707u, 0701u, 0777u}) {
      fs::create_directory(place);
      ::chmod(place.c_str(), mode);
      CHECK_THROWS_WITH_AS(sys::prepare_directory(path), doctest::Contains(place.c_str()), Error);
      fs::remove(place);
    }
  }
  SUBCASE("a file") {
    ::close(::creat(place.c_str(), 0600));
    CHECK_THROWS_AS(sys::prepare_directory(path), Error);
  }
  SUBCASE("somebody else's") {
    if (::geteuid() == 0) {
      fs::create_directory(place);
      ::chmod(place.c_str(), 0700);
      REQUIRE(::chown(place.c_str(), 65534, 65534) == 0);
      CHECK_THROWS_AS(sys::prepare_directory(path), Error);
    }
  }
  ::umask(mask);
  fs::remove_all(runtime);
}

TEST_CASE_FIXTURE(test::Guard,
                  "$IPC_DIR is made if it is missing, and is the user's own business") {
  const auto place = directory() + "/a/b";
  const Variable own("IPC_DIR", place.c_str());
  sys::prepare_directory(sys::resolve("demo"));
  CHECK(fs::is_directory(place));
  fs::remove_all(directory() + "/a");
}

TEST_CASE_FIXTURE(test::Guard, "a name that lives in another of the directories is found there") {
  const auto runtime = directory() + "/runtime";
  fs::create_directories(runtime + "/ipc");
  const Variable xdg("XDG_RUNTIME_DIR", runtime.c_str());
  CHECK(sys::found_elsewhere("demo").empty());
  ::close(::creat((runtime + "/ipc/.demo.lease").c_str(), 0600));
  CHECK(sys::found_elsewhere("demo") == runtime + "/ipc/demo");
  CHECK(sys::found_elsewhere("/x/demo").empty());
  fs::remove_all(runtime);
}

TEST_CASE("object names are random, and told from others") {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(sys::object_name("fifo"));
  CHECK(names.size() == 1000);
  for (const auto& name : names) CHECK(sys::is_object_name(name));
  for (const auto* other :
       {"", ".", "demo", ".demo", ".0123456789abcdef", ".0123456789abcdef.",
        "x0123456789abcdef.fifo", ".0123456789abcdeg.fifo", ".0123456789abcdef/fifo",
        ".0123456789abcdef.a/b", "..0123456789abcdef.fifo"})
    CHECK_MESSAGE(!sys::is_object_name(other), other);
}

}  // namespace

#include "ipc/sys/lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include <doctest/doctest.h>

#include "ipc/sys/file.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"

namespace {

using namespace ipc;
using namespace std::chrono_literals;
using test::Child;

struct File : test::Guard {
  std::string path = directory() + "/file";
  File() { CHECK(::pwrite(open().get(), "", 1, 8191) == 1); }
  ~File() { ::unlink(path.c_str()); }
  sys::Fd open() const { return sys::Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }
};

TEST_CASE_FIXTURE(File, "a byte is locked by one open file, and its neighbours stay free") {
  const auto one = open();
  const auto two = open();
  CHECK(sys::try_lock(one.get(), 5, "test"));
  CHECK(sys::try_lock(one.get(), 5, "test"));  // ours already
  CHECK_FALSE(sys::try_lock(two.get(), 5, "test"));
  CHECK(sys::is_locked(two.get(), 5, "test"));
  CHECK_FALSE(sys::is_locked(one.get(), 5, "test"));  // one's own locks are invisible
  CHECK_FALSE(sys::is_locked(two.get(), 4, "test"));
  CHECK_FALSE(sys::is_locked(two.get(), 6, "test"));
  CHECK(sys::is_any_locked(two.get(), 0, 100, "test"));
  CHECK_FALSE(sys::is_any_locked(two.get(), 6, 100, "test"));
  sys::unlock(one.get(), 5, "test");
  CHECK(sys::try_lock(two.get(), 5, "test"));
}

TEST_CASE_FIXTURE(File, "bytes far beyond the file's end can be locked") {
  const auto one = open();
  const auto two = open();
  CHECK(sys::try_lock(one.get(), off_t{1} << 62, "test"));
  CHECK_FALSE(sys::try_lock(two.get(), off_t{1} << 62, "test"));
}

TEST_CASE_FIXTURE(File, "a mapping keeps the lock of a closed descriptor, until it is unmapped") {
  const auto asks = open();
  {
    auto file = open();
    REQUIRE(sys::try_lock(file.get(), 0, "test"));
    sys::Mapping mapping(file.get(), 8192, "test");
    file.reset();
    CHECK(sys::is_locked(asks.get(), 0, "test"));
    sys::Mapping moved(std::move(mapping));
    sys::Mapping assigned;
    assigned = std::move(moved);
    CHECK(sys::is_locked(asks.get(), 0, "test"));
    static_cast<char*>(assigned.data())[8191] = 'x';
  }
  CHECK_FALSE(sys::is_locked(asks.get(), 0, "test"));
}

struct Signs {
  test::Gate locked;
};

TEST_CASE_FIXTURE(File,
                  "a lock ends with its process, however that ends, and before it is reaped") {
  test::Shared<Signs> signs;
  const auto asks = open();
  std::uint32_t held = 0;
  for (const int number : {SIGKILL, SIGTERM, SIGSEGV}) {
    Child holder = Child::run([&] {
      auto file = open();
      test::expect(sys::try_lock(file.get(), 0, "test"), "lock");
      const sys::Mapping mapping(file.get(), 8192, "test");
      file.reset();
      signs->locked.open();
      for (;;) ::pause();
      return 0;
    });
    REQUIRE(signs->locked.wait(++held));
    CHECK(sys::is_locked(asks.get(), 0, "test"));
    holder.signal(number);
    while (holder.is_running()) ::usleep(100);
    CHECK_FALSE(sys::is_locked(asks.get(), 0, "test"));  // a zombie holds nothing
    CHECK(holder.wait() == -number);
  }
}

TEST_CASE_FIXTURE(File,
                  "a forked child has neither the mapping nor the lock, and cannot end them") {
  const auto asks = open();
  auto file = open();
  REQUIRE(sys::try_lock(file.get(), 0, "test"));
  auto mapping = std::make_unique<sys::Mapping>(file.get(), 8192, "test");
  file.reset();
  Child destroys = Child::forked([&] {
    mapping.reset();  // must not unmap what happens to lie at that address now
    return 0;
  });
  CHECK(destroys.wait() == 0);
  CHECK(sys::is_locked(asks.get(), 0, "test"));
  Child lives_on = Child::forked([] {
    for (;;) ::pause();
    return 0;
  });
  mapping.reset();
  CHECK_FALSE(sys::is_locked(asks.get(), 0, "test"));
}

TEST_CASE("a fork is counted in the child, not in the parent") {
  const auto before = sys::fork_generation();
  Child child = Child::forked([&] { return sys::fork_generation() == before + 1 ? 0 : 1; });
  CHECK(child.wait() == 0);
  CHECK(sys::fork_generation() == before);
}

}  // namespace

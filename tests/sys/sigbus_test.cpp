#include "ipc/sys/sigbus.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/sys/call.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/futex.hpp"
#include "ipc/sys/lock.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"

namespace {

using namespace ipc;
using test::Child;
using test::expect;

constexpr std::size_t kPages = 16;
constexpr std::size_t kSize = kPages * 4096;

// A file of some pages, each full of its number plus 1, mapped.
struct Mapped {
  explicit Mapped(const test::Guard& guard)
      : path(guard.directory() + "/file"),
        file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    for (std::size_t i = 0; i < kPages; ++i) {
      const std::vector<char> page(4096, static_cast<char>(i + 1));
      expect(::write(file.get(), page.data(), page.size()) == 4096, "write");
    }
    mapping = sys::Mapping(file.get(), kSize, "test");
  }
  ~Mapped() { ::unlink(path.c_str()); }
  volatile char* data() const { return static_cast<volatile char*>(mapping.data()); }
  char page(std::size_t i) const { return data()[i * 4096]; }
  void truncate(std::size_t pages) const {
    expect(::ftruncate(file.get(), static_cast<off_t>(pages * 4096)) == 0, "ftruncate");
  }

  std::string path;
  sys::Fd file;
  sys::Mapping mapping;
};

struct sigaction action_now() {
  struct sigaction now {};
  expect(::sigaction(SIGBUS, nullptr, &now) == 0, "sigaction");
  return now;
}

int in_child(const std::function<int()>& body) {
  return Child::run(body).wait();
}

TEST_CASE_FIXTURE(test::Guard, "a lost page reads as zeros, is noted, and can be written to") {
  CHECK(in_child([&] {
          const Mapped mapped(*this);
          std::atomic<bool> lost{false};
          const sys::SigbusGuard guard(mapped.mapping.data(), kSize, lost);
          mapped.truncate(5);
          expect(mapped.page(4) == 5, "what is left of the file is as it was");
          expect(!lost, "nothing was lost yet");
          expect(mapped.page(5) == 0, "zeros");
          expect(lost, "noted");
          mapped.data()[5 * 4096 + 7] = 'x';
          expect(mapped.data()[5 * 4096 + 7] == 'x', "written");
          lost = false;
          expect(mapped.page(5) == 0 && !lost, "once a page");
          mapped.data()[9 * 4096] = 'y';
          expect(lost, "a write is noted too");
          expect(mapped.page(4) == 5, "and does no harm");
          return 0;
        }) == 0);
}

TEST_CASE_FIXTURE(test::Guard, "a futex on a lost page is an ordinary return, and noted") {
  CHECK(in_child([&] {
          const Mapped mapped(*this);
          std::atomic<bool> lost{false};
          const sys::SigbusGuard guard(mapped.mapping.data(), kSize, lost);
          auto& word = *static_cast<std::atomic<std::uint32_t>*>(mapped.mapping.data());
          auto& other = *reinterpret_cast<std::atomic<std::uint32_t>*>(
              static_cast<char*>(mapped.mapping.data()) + 4096);
          mapped.truncate(0);
          sys::wait_futex(word, 0x01010101, Deadline::never(), "test");
          expect(lost, "noted by the wait");
          lost = false;
          sys::wake_futex(other, "test");
          expect(lost, "noted by the waking");
          return 0;
        }) == 0);
}

TEST_CASE_FIXTURE(test::Guard, "a lost page outside of all guards ends the process by SIGBUS") {
  const auto touch_unguarded = [&](std::size_t guarded_pages) {
    const Mapped mapped(*this);
    std::atomic<bool> lost{false};
    const sys::SigbusGuard guard(mapped.mapping.data(), guarded_pages * 4096, lost);
    mapped.truncate(0);
    expect(mapped.page(0) == 0 && lost, "guarded");
    (void)mapped.page(guarded_pages);
    return 0;
  };
  CHECK(in_child([&] { return touch_unguarded(3); }) == -SIGBUS);
  // Also when the guard was there and is gone.
  CHECK(in_child([&] {
          const Mapped mapped(*this);
          std::atomic<bool> lost{false};
          { const sys::SigbusGuard guard(mapped.mapping.data(), kSize, lost); }
          mapped.truncate(0);
          return mapped.page(0) + 1;
        }) == -SIGBUS);
  // And in a child, where nothing is guarded.
  CHECK(in_child([&] {
          const Mapped mapped(*this);
          std::atomic<bool> lost{false};
          const sys::SigbusGuard guard(mapped.mapping.data(), kSize, lost);
          sys::count_forks();
          return in_child([&] {
                   // Something else, at the same address.
                   const Mapped other(*this);
                   void* const again = ::mmap(mapped.mapping.data(), kSize, PROT_READ,
                                              MAP_SHARED | MAP_FIXED, other.file.get(), 0);
                   expect(again == mapped.mapping.data(), "mmap");
                   other.truncate(0);
                   return mapped.page(0) + 1;
                 }) == -SIGBUS
                     ? 0
                     : 1;
        }) == 0);
  std::filesystem::remove(directory() + "/file");
}

TEST_CASE_FIXTURE(test::Guard, "SIGBUS sent by kill(2) does what it did before") {
  const auto killed = [&](void (*action)(int)) {
    return in_child([&] {
      ::signal(SIGBUS, action);
      const Mapped mapped(*this);
      std::atomic<bool> lost{false};
      const sys::SigbusGuard guard(mapped.mapping.data(), kSize, lost);
      ::kill(::getpid(), SIGBUS);
      return lost ? 1 : 7;
    });
  };
  CHECK(killed(SIG_DFL) == -SIGBUS);
  CHECK(killed(SIG_IGN) == 7);
  CHECK(killed([](int) { ::_exit(33); }) == 33);
  std::filesystem::remove(directory() + "/file");
}

volatile void* address_passed_on = nullptr;

TEST_CASE_FIXTURE(test::Guard, "an earlier handler gets what is not guarded, and comes back") {
  CHECK(in_child([&] {
          struct sigaction theirs {};
          theirs.sa_flags = SA_SIGINFO;
          theirs.sa_sigaction = [](int, siginfo_t* info, void*) {
            address_passed_on = info->si_addr;
            ::_exit(address_passed_on != nullptr ? 44 : 45);
          };
          expect(::sigaction(SIGBUS, &theirs, nullptr) == 0, "sigaction");
          const Mapped mapped(*this);
          std::atomic<bool> lost{false};
          {
            const sys::SigbusGuard one(mapped.mapping.data(), 4096, lost);
            {
              const sys::SigbusGuard two(const_cast<char*>(mapped.data()) + 4096, 4096, lost);
              expect(action_now().sa_sigaction != theirs.sa_sigaction,
                     "ours, while guards are there");
            }
            expect(action_now().sa_sigaction != theirs.sa_sigaction, "and as long as one is");
          }
          expect(action_now().sa_sigaction == theirs.sa_sigaction, "theirs is back");
          const sys::SigbusGuard again(mapped.mapping.data(), 4096, lost);
          mapped.truncate(0);
          expect(mapped.page(0) == 0 && lost, "guarded");
          return static_cast<int>(mapped.page(1));
        }) == 44);
  std::filesystem::remove(directory() + "/file");
}

TEST_CASE_FIXTURE(test::Guard, "a later handler is left where it is, and may pass on to ours") {
  CHECK(in_child([&] {
          static struct sigaction ours;
          const Mapped mapped(*this);
          std::atomic<bool> lost{false};
          auto guard = std::make_unique<sys::SigbusGuard>(mapped.mapping.data(), kSize, lost);
          struct sigaction theirs {};
          theirs.sa_flags = SA_SIGINFO;
          theirs.sa_sigaction = [](int number, siginfo_t* info, void* context) {
            ours.sa_sigaction(number, info, context);
          };
          expect(::sigaction(SIGBUS, &theirs, &ours) == 0, "sigaction");
          guard.reset();
          expect(action_now().sa_sigaction == theirs.sa_sigaction, "left alone");
          guard = std::make_unique<sys::SigbusGuard>(mapped.mapping.data(), kSize, lost);
          expect(action_now().sa_sigaction == theirs.sa_sigaction, "still");
          mapped.truncate(0);
          expect(mapped.page(3) == 0 && lost, "guarded through theirs");
          return 0;
        }) == 0);
}

TEST_CASE_FIXTURE(test::Guard, "guards come and go in several threads while pages are lost") {
  CHECK(in_child([&] {
          const Mapped mapped(*this);
          mapped.truncate(0);
          std::vector<std::thread> threads;
          for (std::size_t page = 0; page < 4; ++page)
            threads.emplace_back([&, page] {
              char* const begin = const_cast<char*>(mapped.data()) + page * 4096;
              for (int i = 0; i < 2000; ++i) {
                // Mapped anew each time, so that it is lost each time.
                void* const again = ::mmap(begin, 4096, PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_FIXED, mapped.file.get(), 0);
                expect(again == begin, "mmap");
                std::atomic<bool> lost{false};
                const sys::SigbusGuard guard(begin, 4096, lost);
                expect(*static_cast<volatile char*>(begin) == 0 && lost, "guarded");
              }
            });
          for (auto& thread : threads) thread.join();
          return 0;
        }) == 0);
}

}  // namespace

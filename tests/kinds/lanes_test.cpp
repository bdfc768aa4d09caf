// What is special to the kinds that are rings: `shm` in memory, `mmap` in a file.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "ipc/sys/lease_page.hpp"
#include "tests/kinds/one_of.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Status;
using test::bytes_of;
using test::Child;
using test::expect;
using test::text_of;

namespace fs = std::filesystem;

const ipc::Kind& each_kind() {
  return test::one_of({&ipc::kinds::mmap, &ipc::kinds::shm});
}

// Where the rings are, as the lease says (ipc/sys/lease_page.hpp).
std::string segment_path(const test::Guard& guard) {
  std::ifstream lease(guard.directory() + "/.box.lease", std::ios::binary);
  ipc::sys::LeasePage page{};
  lease.read(reinterpret_cast<char*>(&page), sizeof page);
  expect(lease.good(), "a lease");
  return (page.home == ipc::sys::Home::shm ? "/dev/shm" : guard.directory()) + "/" + page.object;
}

// What became of `act` in a child: nothing, or "corrupt: " and the sentence, or how the child
// ended.
std::string outcome(const std::function<void()>& act) {
  test::Shared<test::SharedText> said;
  Child child = Child::run([&] {
    try {
      act();
    } catch (const ipc::Error& error) {
      said->set((error.trouble() == ipc::Trouble::corrupt ? "corrupt: " : "other: ") +
                std::string(error.what()));
    }
    return 0;
  });
  const int status = child.wait();
  return status == 0 ? said->get() : "ended with " + std::to_string(status);
}

bool tells_truncation(const std::string& said) {
  CAPTURE(said);
  const bool tells =
      said.starts_with("corrupt: segment ") && said.find("truncated it") != std::string::npos;
  CHECK(tells);
  return tells;
}

TEST_CASE_FIXTURE(test::Guard,
                  "who receives from a segment that is truncated is told, not killed") {
  const auto& kind = each_kind();
  for (const bool polled : {false, true})
    for (const std::uintmax_t rest : {0u, 4096u, 30'000u}) {
      CAPTURE(polled);
      CAPTURE(rest);
      test::Shared<test::Gate> listens;
      Child cutter = Child::run([&] {
        expect(listens->wait(), "a receiver");
        const auto out = kind.connect("box");
        expect(out->send(bytes_of("before")) == Status::ok, "send");
        expect(out->taken(1, Deadline::after(5s)) == 1, "taken");
        fs::resize_file(segment_path(*this), rest);
        try {
          for (int i = 0; i < 1'000'000; ++i)
            if (out->send(bytes_of(std::string(10'000, 'x')), Deadline::after(1s)) != Status::ok)
              break;
        } catch (const ipc::Error& error) {
          expect(error.trouble() == ipc::Trouble::corrupt, error.what());
          ::usleep(400'000);  // that we leave is not what the receiver is told by
          return 0;
        }
        return 1;
      });
      tells_truncation(outcome([&] {
        const auto receiver = kind.listen("box");
        if (polled) (void)receiver->readiness_fd();
        listens->open();
        const auto end = Deadline::after(10s);
        while (!end.expired()) {
          if (polled) ::usleep(1000);
          const auto got = receiver->receive(polled ? Deadline::at_once() : end);
          const auto text = text_of(got.message);
          if (got.status == Status::ok)
            expect(text == "before" || text == std::string(10'000, 'x'), "only what is whole");
        }
      }));
      CHECK(cutter.wait() == 0);
      kind.remove("box");
    }
}

TEST_CASE_FIXTURE(test::Guard, "who sends into a segment that is truncated is told, not killed") {
  const auto& kind = each_kind();
  SUBCASE("with room") {
    const auto receiver = kind.listen("box");
    tells_truncation(outcome([&] {
      const auto out = kind.connect("box");
      fs::resize_file(segment_path(*this), 0);
      (void)out->send(bytes_of("x"), Deadline::after(1s));
    }));
  }
  SUBCASE("with a reservation open") {
    const auto receiver = kind.listen("box");
    tells_truncation(outcome([&] {
      const auto out = kind.connect("box");
      auto room = out->reserve(10'000);
      fs::resize_file(segment_path(*this), 0);
      std::ranges::fill(room.bytes(), std::byte{1});
      (void)room.commit(10'000);
    }));
  }
  SUBCASE("waiting for room") {
    const auto receiver = kind.listen("box", {.capacity = 65536});
    test::Shared<test::Gate> full;
    Child cutter = Child::run([&] {
      expect(full->wait(), "a sender");
      ::usleep(50'000);
      fs::resize_file(segment_path(*this), 0);
      return 0;
    });
    tells_truncation(outcome([&] {
      const auto out = kind.connect("box");
      while (out->send(bytes_of(std::string(10'000, 'x')), Deadline::at_once()) == Status::ok) {
      }
      full->open();
      (void)out->send(bytes_of(std::string(10'000, 'x')), Deadline::after(5s));
    }));
    CHECK(cutter.wait() == 0);
  }
  SUBCASE("connecting") {
    const auto receiver = kind.listen("box");
    fs::resize_file(segment_path(*this), 20'000);
    tells_truncation(outcome([&] { (void)kind.connect("box"); }));
  }
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "a segment that is cut and made long again is called damaged") {
  const auto& kind = each_kind();
  test::Shared<test::Gate> gate;
  Child receiver = Child::run([&] {
    const auto in = kind.listen("box");
    gate->open();
    try {
      for (;;) (void)in->receive(Deadline::after(100ms));
    } catch (const ipc::Error& error) {
      return error.trouble() == ipc::Trouble::corrupt ? 7 : 8;
    }
  });
  REQUIRE(gate->wait());
  const auto path = segment_path(*this);
  const auto size = fs::file_size(path);
  fs::resize_file(path, 0);
  fs::resize_file(path, size);
  CHECK(receiver.wait() == 7);
  kind.remove("box");
}

TEST_CASE_FIXTURE(
    test::Guard, "an event loop to which nobody is connected is woken when its file is truncated") {
  auto receiver = ipc::kinds::mmap.listen("box");
  pollfd ready{receiver->readiness_fd(), POLLIN, 0};
  {
    const auto out = ipc::kinds::mmap.connect("box");
    for (int i = 0; i < 100; ++i)
      REQUIRE(out->send(bytes_of(std::string(50'000, 'x'))) == Status::ok);
  }
  const auto patience = Deadline::after(10s);
  while (::poll(&ready, 1, 600) == 1) {  // until all is read, and its sender's end told
    while (receiver->receive(Deadline::at_once()).status != Status::timed_out) {
    }
    REQUIRE_FALSE(patience.expired());
  }
  bool removed = false;
  SUBCASE("truncated") {
    fs::resize_file(segment_path(*this), 12'345);
  }
  SUBCASE("removed") {
    fs::remove(segment_path(*this));
    removed = true;
  }
  CHECK(::poll(&ready, 1, 500) == 1);
  try {
    for (int i = 0; i < 3; ++i) (void)receiver->receive(Deadline::at_once());
    FAIL("nothing is told");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::corrupt);
    CHECK(std::string(error.what()).find(removed ? "removed it" : "truncated it") !=
          std::string::npos);
  }
  receiver.reset();
  ipc::kinds::mmap.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "a segment of another version is refused, naming both versions") {
  const auto& kind = each_kind();
  const auto receiver = kind.listen("box");
  const int file = ::open(segment_path(*this).c_str(), O_RDWR | O_CLOEXEC);
  const std::uint32_t version = 9;
  REQUIRE(::pwrite(file, &version, sizeof version, 8) == sizeof version);
  const auto said = outcome([&] { (void)kind.connect("box"); });
  CHECK(said.starts_with("corrupt: "));
  CHECK(said.find("version 9") != std::string::npos);
  CHECK(said.find("version 2") != std::string::npos);
  const std::uint32_t ours = 2;
  REQUIRE(::pwrite(file, &ours, sizeof ours, 8) == sizeof ours);
  ::close(file);
}

TEST_CASE_FIXTURE(test::Guard, "a file gives back the room of what was read") {
  const auto blocks_of = [&] {
    struct stat about {};
    REQUIRE(::stat((directory() + "/box").c_str(), &about) == 0);
    return static_cast<std::uint64_t>(about.st_blocks) * 512;
  };
  const auto receiver = ipc::kinds::mmap.listen("box");
  std::optional<Child> sender = Child::run([&] {
    const auto out = ipc::kinds::mmap.connect("box");
    const std::string block(64 << 10, 'x');
    for (int i = 0; i < 3200; ++i)
      expect(out->send(bytes_of(block)) == Status::ok,
             "send");  // 200 MiB: once around the lane and more
    return 0;
  });
  std::uint64_t most = 0;
  std::size_t count = 0;
  while (receiver->receive(Deadline::after(10s)).status == Status::ok) {
    ++count;
    most = std::max(most, blocks_of());
  }
  CHECK(count == 3200);
  CHECK(most <= std::uint64_t{68} << 20);  // what is unread, ahead of it, and behind it
  CHECK(sender->wait() == 0);
  CHECK(blocks_of() <= std::uint64_t{5} << 20);
  CHECK(fs::file_size(directory() + "/box") > std::uint64_t{64} << 20);
}

TEST_CASE_FIXTURE(test::Guard, "messages longer than the capacity go one at a time, in place") {
  const auto receiver = ipc::kinds::mmap.listen("box", {.capacity = 65536});
  const auto out = ipc::kinds::mmap.connect("box");
  const std::string huge(ipc::kMaxMessage, 'h');
  for (int i = 0; i < 20; ++i) {  // several times around the lane
    REQUIRE(out->send(bytes_of(huge), Deadline::at_once()) == Status::ok);
    CHECK(out->send(bytes_of("x"), Deadline::at_once()) == Status::timed_out);
    const auto got = receiver->receive(Deadline::at_once());
    REQUIRE(got.status == Status::ok);
    CHECK(text_of(got.message) == huge);
    CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "a file's lanes hold more unread bytes only if they were made for it") {
  const auto& mmap = ipc::kinds::mmap;
  const auto big = std::size_t{200} << 20;
  {
    const auto out = mmap.connect("box");
    CHECK(out->send(bytes_of("x")) == Status::ok);
  }
  const auto said = outcome([&] { (void)mmap.listen("box", {.capacity = big}); });
  CHECK(said.find("capacity = 209715200 is possible once it is empty") != std::string::npos);
  CHECK(mmap.listen("box")->receive(Deadline::after(5s)).status == Status::ok);
  CHECK(entries().empty());
  const auto receiver = mmap.listen("box", {.capacity = big});
  const auto out = mmap.connect("box");
  const std::string block(1 << 20, 'b');
  std::size_t sent = 0;
  while (out->send(bytes_of(block), Deadline::at_once()) == Status::ok) ++sent;
  CHECK(sent == 199);  // and the headers
  CHECK(outcome([&] {
          (void)mmap.listen("other", {.capacity = std::size_t{2} << 30});
        }).find("1073741824") != std::string::npos);
  while (receiver->receive(Deadline::at_once()).status == Status::ok) {
  }
}

TEST_CASE_FIXTURE(test::Guard, "a limit on the length of files is an error, never SIGXFSZ") {
  const auto limited = [](const std::function<void()>& act) {
    return outcome([&] {
      const rlimit limit{1 << 20, 1 << 20};
      expect(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
      act();
    });
  };
  const auto& mmap = ipc::kinds::mmap;
  CHECK(limited([&] { (void)mmap.listen("box"); }).find("RLIMIT_FSIZE is 1048576") !=
        std::string::npos);
  CHECK(entries().empty());
  const auto receiver = mmap.listen("box");
  CHECK(limited([&] { (void)mmap.connect("box")->send(bytes_of("x")); }).find("RLIMIT_FSIZE") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(test::Guard, "a message that its dead receiver had taken does not come again") {
  const auto& mmap = ipc::kinds::mmap;
  const auto out = mmap.connect("box");
  for (const auto* text : {"one", "two", "three"}) REQUIRE(out->send(bytes_of(text)) == Status::ok);
  test::Shared<test::Gate> listens;
  Child killed = Child::run([&] {
    const auto receiver = mmap.listen("box");
    listens->open();
    expect(text_of(receiver->receive(Deadline::after(5s)).message) == "one", "one");
    expect(text_of(receiver->receive(Deadline::after(5s)).message) == "two", "two");
    return ::pause();
  });
  REQUIRE(listens->wait());
  CHECK(out->taken(1, Deadline::after(5s)) == 1);
  killed.kill();
  // As if it had been killed a moment later: "two" noted as taken, its room not yet given back.
  {
    const int file = ::open((directory() + "/.box.lease").c_str(), O_RDWR | O_CLOEXEC);
    const std::uint64_t taken = std::uint64_t{1} << 32 | 2;
    REQUIRE(::pwrite(file, &taken, sizeof taken, 4096 + 16) == sizeof taken);
    ::close(file);
  }
  const auto receiver = mmap.listen("box");
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "three");
  CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
  CHECK(out->taken(3, Deadline::at_once()) == 3);
}

TEST_CASE_FIXTURE(test::Guard,
                  "the death of a sender is told while its successor goes on sending") {
  const auto& kind = each_kind();
  const auto receiver = kind.listen("box");
  test::Shared<test::Gate> gone;
  Child dies = Child::run([&] {
    const auto out = kind.connect("box");
    expect(out->send(bytes_of("last words")) == Status::ok, "send");
    ::_exit(0);
    return 0;
  });
  CHECK(dies.wait() == 0);
  Child successor = Child::run([&] {  // in the same lane, and never empty
    const auto out = kind.connect("box");
    while (out->send(bytes_of("more")) == Status::ok) {
    }
    return 0;
  });
  ::usleep(100'000);
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "last words");
  const auto patience = Deadline::after(1500ms);
  auto status = Status::ok;
  while (status == Status::ok && !patience.expired()) {
    status = receiver->receive(patience).status;
    ::usleep(20);  // slower than it sends
  }
  CHECK(status == Status::died);
  successor.kill();
  while (receiver->receive(Deadline::after(2s)).status != Status::closed) {
  }
}

}  // namespace

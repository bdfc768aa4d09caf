// What is special to kinds whose messages outlive both sides.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Status;
using test::Child;
using test::expect;

namespace fs = std::filesystem;

ipc::Bytes bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(ipc::Bytes message) {
  return {reinterpret_cast<const char*>(message.data()), message.size()};
}

const ipc::Kind& each_durable_kind() {
  const ipc::Kind* chosen = nullptr;
  for (const auto* kind : ipc::kinds::on_trial)
    if (kind->traits.durable) DOCTEST_SUBCASE(kind->name.data()) {
        chosen = kind;
      }
  return chosen ? *chosen : ipc::kinds::file;
}

void send_all(const ipc::Kind& kind, int first, int last) {
  const auto out = kind.connect("box");
  for (int i = first; i < last; ++i)
    expect(out->send(bytes(std::to_string(i)), Deadline::after(5s)) == Status::ok, "send");
}

void write_to(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  expect(file.good(), "write to " + path);
}

// The error that `act` throws, in a child that may change what its process sees.
std::string error_in(const std::function<void()>& act) {
  test::Shared<test::SharedText> said;
  Child child = Child::run([&] {
    try {
      act();
    } catch (const ipc::Error& error) {
      said->set(std::to_string(static_cast<int>(error.trouble())) + " " + error.what());
    }
    return 0;
  });
  CHECK(child.wait() == 0);
  return said->get();
}

TEST_CASE_FIXTURE(test::Guard,
                  "what was sent to nobody is read later, then its sender's end told") {
  const auto& kind = each_durable_kind();
  send_all(kind, 0, 5);
  Child dies = Child::run([&] {
    const auto out = kind.connect("box");
    expect(out->send(bytes("5")) == Status::ok, "send");
    ::_exit(0);
    return 0;
  });
  CHECK(dies.wait() == 0);
  CHECK_FALSE(entries().empty());
  {
    const auto receiver = kind.listen("box");
    for (int i = 0; i < 6; ++i)
      CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == std::to_string(i));
    CHECK(receiver->receive(Deadline::after(2s)).status == Status::died);
    CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
    CHECK(receiver->receive(Deadline::after(300ms)).status == Status::timed_out);
  }
  CHECK(entries().empty());
}

TEST_CASE_FIXTURE(test::Guard, "a receiver goes on where the one before it ended") {
  const auto& kind = each_durable_kind();
  send_all(kind, 0, 10);
  {
    const auto receiver = kind.listen("box");
    for (int i = 0; i < 4; ++i)
      CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == std::to_string(i));
  }
  Child killed = Child::run([&] {
    const auto receiver = kind.listen("box");
    for (int i = 4; i < 7; ++i)
      expect(text_of(receiver->receive(Deadline::after(5s)).message) == std::to_string(i), "order");
    return ::pause();
  });
  ::usleep(300'000);  // it has the seventh in its hands
  killed.kill();
  const auto receiver = kind.listen("box");
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) ==
        "6");  // the one that comes twice
  for (int i = 7; i < 10; ++i)
    CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == std::to_string(i));
  CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
}

TEST_CASE_FIXTURE(
    test::Guard, "a full object says `closed` to a sender without a receiver, and waits with one") {
  const auto& kind = each_durable_kind();
  kind.listen("box", {.capacity = 65536}).reset();
  std::unique_ptr<ipc::Sender> out;
  {
    const auto receiver = kind.listen("box", {.capacity = 65536});
    out = kind.connect("box");
    const std::string block(8000, 'x');
    Status status = Status::ok;
    for (int i = 0; i < 100 && status == Status::ok; ++i)
      status = out->send(bytes(block), Deadline::at_once());
    CHECK(status == Status::timed_out);
  }
  CHECK(out->send(bytes(std::string(60000, 'y')), Deadline::after(5s)) == Status::closed);
  out.reset();
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard,
                  "with require_receiver a sender is refused, and told, as by other kinds") {
  const auto& kind = each_durable_kind();
  CHECK_THROWS_AS((void)kind.connect("box", {.require_receiver = true}), ipc::Error);
  CHECK(entries().empty());
  auto receiver = kind.listen("box");
  const auto out = kind.connect("box", {.require_receiver = true});
  CHECK(out->send(bytes("x"), Deadline::after(5s)) == Status::ok);
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
  receiver.reset();
  receiver = kind.listen("box");
  CHECK(out->send(bytes("y"), Deadline::after(5s)) == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard,
                  "a full disk is an error that names what is free, and costs no message") {
  const auto& kind = each_durable_kind();
  // A file system of its own, in a name space of its own.
  const auto error = error_in([&] {
    expect(::unshare(CLONE_NEWNS) == 0, "unshare");
    expect(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
    expect(::mount("tmpfs", directory().c_str(), "tmpfs", 0, "size=64k") == 0, "tmpfs");
    {
      const auto out = kind.connect("box");
      expect(out->send(bytes("small"), Deadline::after(5s)) == Status::ok, "a small one");
      std::string failed;
      try {
        (void)out->send(bytes(std::string(100'000, 'x')), Deadline::after(5s));
      } catch (const ipc::Error& full) {
        failed = full.what();
        expect(full.trouble() == ipc::Trouble::limit, "a limit");
        expect(failed.find(" are free") != std::string::npos, failed);
      }
      expect(!failed.empty(), "100,000 bytes on a disk of 64 KiB");
      expect(out->send(bytes("small too"), Deadline::after(5s)) == Status::ok, "the next fits");
    }
    const auto receiver = kind.listen("box");
    expect(text_of(receiver->receive(Deadline::after(5s)).message) == "small", "first");
    expect(text_of(receiver->receive(Deadline::after(5s)).message) == "small too", "second");
  });
  CHECK(error == "");
}

TEST_CASE_FIXTURE(test::Guard, "without inotify messages come all the same") {
  const auto& kind = each_durable_kind();
  Child receiver = Child::run([&] {
    expect(::unshare(CLONE_NEWUSER) == 0, "a user name space of its own");
    write_to("/proc/sys/user/max_inotify_instances", "0");
    const auto in = kind.listen("box");
    for (int i = 0; i < 20; ++i)
      expect(text_of(in->receive(Deadline::after(5s)).message) == std::to_string(i), "order");
    expect(in->receive(Deadline::after(2s)).status == Status::closed, "closed");
    return 0;
  });
  send_all(kind, 0, 20);
  CHECK(receiver.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "with sync the same comes through") {
  const auto& kind = each_durable_kind();
  {
    const auto out = kind.connect("box", {.sync = true});
    for (int i = 0; i < 5; ++i) CHECK(out->send(bytes(std::to_string(i))) == Status::ok);
  }
  const auto receiver = kind.listen("box", {.sync = true});
  for (int i = 0; i < 5; ++i)
    CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == std::to_string(i));
  CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "a log that somebody truncated is called damaged, on both sides") {
  const auto out = ipc::kinds::file.connect("box");
  CHECK(out->send(bytes("gone in a moment")) == Status::ok);
  SUBCASE("to its front") {
    fs::resize_file(directory() + "/box", 4096);
  }
  SUBCASE("to nothing") {
    fs::resize_file(directory() + "/box", 0);
  }
  try {
    (void)out->send(bytes("x"), Deadline::after(1s));
    FAIL("sent");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::corrupt);
  }
  try {
    (void)ipc::kinds::file.listen("box")->receive(Deadline::after(1s));
    FAIL("received");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::corrupt);
  }
  ipc::kinds::file.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "an object that somebody removed is made anew when nobody is left") {
  const auto& kind = each_durable_kind();
  send_all(kind, 0, 1);
  fs::remove_all(fs::canonical(directory() + "/box"));
  const auto receiver = kind.listen("box");
  CHECK(receiver->receive(Deadline::after(100ms)).status == Status::timed_out);
  send_all(kind, 7, 8);
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "7");
}

TEST_CASE_FIXTURE(test::Guard, "a log gives back the space of what was read") {
  const auto receiver = ipc::kinds::file.listen("box");
  Child sender = Child::run([&] {
    const auto out = ipc::kinds::file.connect("box");
    const std::string block(64 << 10, 'x');
    for (int i = 0; i < 1600; ++i)
      expect(out->send(bytes(block)) == Status::ok, "send");  // 100 MiB
    return 0;
  });
  std::uint64_t most = 0;
  std::size_t count = 0;
  while (receiver->receive(Deadline::after(10s)).status == Status::ok) {
    ++count;
    struct stat about {};
    REQUIRE(stat((directory() + "/box").c_str(), &about) == 0);
    most = std::max(most, static_cast<std::uint64_t>(about.st_blocks) * 512);
  }
  CHECK(count == 1600);
  CHECK(most <= std::uint64_t{66} << 20);  // the unread, and what waits to be punched
  CHECK(sender.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "more messages than inotify's queue holds are all read, in order") {
  constexpr int count = 17'000;  // fs.inotify.max_queued_events is 16,384 unless raised
  const auto receiver = ipc::kinds::mailbox.listen("box", {.capacity = std::size_t{1} << 30});
  send_all(ipc::kinds::mailbox, 0, count);
  int next = 0;
  for (; next < count; ++next) {
    const auto got = receiver->receive(Deadline::after(5s));
    if (got.status != Status::ok || text_of(got.message) != std::to_string(next)) break;
  }
  CHECK(next == count);
  CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard,
                  "bare: lines of any text file, and files renamed into any directory") {
  {
    const auto lines = ipc::kinds::file.listen("log", {.bare = true});
    const auto out = ipc::kinds::file.connect("log", {.bare = true});
    CHECK(out->send(bytes("one")) == Status::ok);
    std::ofstream(directory() + "/log", std::ios::app) << "two\nthr";
    CHECK(text_of(lines->receive(Deadline::after(5s)).message) == "one");
    CHECK(text_of(lines->receive(Deadline::after(5s)).message) == "two");
    CHECK(lines->receive(Deadline::after(50ms)).status == Status::timed_out);
    std::ofstream(directory() + "/log", std::ios::app) << "ee\n";
    CHECK(text_of(lines->receive(Deadline::after(5s)).message) == "three");
    std::ofstream(directory() + "/log2") << "successor\n";
    fs::rename(directory() + "/log2", directory() + "/log");
    CHECK(text_of(lines->receive(Deadline::after(5s)).message) == "successor");
  }
  fs::remove(directory() + "/log");
  {
    const auto box = ipc::kinds::mailbox.listen("drop", {.bare = true});
    CHECK_THROWS_AS((void)ipc::kinds::mailbox.listen("drop", {.bare = true}), ipc::Error);
    const auto out = ipc::kinds::mailbox.connect("drop", {.bare = true});
    CHECK(out->send(bytes("one")) == Status::ok);
    std::ofstream(directory() + "/report.txt") << "a report";
    fs::rename(directory() + "/report.txt", directory() + "/drop/report.txt");
    CHECK(text_of(box->receive(Deadline::after(5s)).message) == "one");
    CHECK(text_of(box->receive(Deadline::after(5s)).message) == "a report");
    CHECK(box->receive(Deadline::after(50ms)).status == Status::timed_out);
    CHECK(fs::is_empty(directory() + "/drop"));
  }
  fs::remove(directory() + "/drop");
}

}  // namespace

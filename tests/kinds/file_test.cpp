// What is special to a file that grows.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/kinds/durable.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"

namespace {

using namespace durable;
using test::Child;

namespace fs = std::filesystem;

const ipc::Kind& kind = ipc::kinds::file;

constexpr std::size_t kStart = 4096;  // docs/formats.md: where the first record lies,
constexpr std::size_t kHeader = 16;   // and how long its header is

std::size_t span_of(std::size_t length) {
  return (kHeader + length + 7) / 8 * 8;
}

void write_at(const std::string& path, std::size_t offset, const std::string& text) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file << text;
  REQUIRE(file.good());
}

ipc::Trouble trouble_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const ipc::Error& error) {
    return error.trouble();
  }
  FAIL("it went well");
  return ipc::Trouble::failed;
}

TEST_CASE_FIXTURE(test::Guard, "file: truncated by somebody it is called damaged, on both sides") {
  const auto out = kind.connect("box");
  CHECK(out->send(bytes_of("gone in a moment")) == Status::ok);
  SUBCASE("to its front") {
    fs::resize_file(directory() + "/box", kStart);
  }
  SUBCASE("to nothing") {
    fs::resize_file(directory() + "/box", 0);
  }
  CHECK(trouble_of([&] { (void)out->send(bytes_of("x"), Deadline::after(1s)); }) ==
        ipc::Trouble::corrupt);
  CHECK(trouble_of([&] { (void)kind.listen("box")->receive(Deadline::after(1s)); }) ==
        ipc::Trouble::corrupt);
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "file: truncated while its receiver waits, it is told at once") {
  const auto receiver = kind.listen("box");
  const auto out = kind.connect("box");
  CHECK(out->send(bytes_of("read in time")) == Status::ok);
  CHECK(next_text(*receiver) == "read in time");
  fs::resize_file(directory() + "/box", 100);
  CHECK(trouble_of([&] { (void)receiver->receive(Deadline::after(5s)); }) == ipc::Trouble::corrupt);
}

TEST_CASE_FIXTURE(test::Guard, "file: a front that is not ours is called damaged") {
  send_all(kind, 0, 1);
  write_at(directory() + "/box", 0, "GARBAGE!");
  CHECK(trouble_of([&] { (void)kind.listen("box"); }) == ipc::Trouble::corrupt);
  CHECK(trouble_of([&] { send_all(kind, 1, 2); }) == ipc::Trouble::corrupt);
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "file: garbage where a record was costs that record and no other") {
  {
    const auto out = kind.connect("box");
    for (const auto* text : {"one", "a second message", "three"})
      CHECK(out->send(bytes_of(text)) == Status::ok);
  }
  const auto second = kStart + span_of(3);
  const auto length = std::string("a second message").size();
  std::size_t damaged = span_of(length);
  SUBCASE("all of it") {
    write_at(directory() + "/box", second, std::string(span_of(length), '\xa5'));
  }
  SUBCASE("zeros, as a power cut leaves them") {
    write_at(directory() + "/box", second, std::string(span_of(length), '\0'));
  }
  SUBCASE("its length") {
    write_at(directory() + "/box", second + 12, "\xff\xff\xff\x7f");
  }
  const auto receiver = kind.listen("box");
  CHECK(next_text(*receiver) == "one");
  CHECK(next_text(*receiver) == "three");
  CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
  CHECK(receiver->foreign_bytes() == damaged);
}

TEST_CASE_FIXTURE(test::Guard, "file: the torn tail of a killed sender is written over") {
  const auto receiver = kind.listen("box");
  send_all(kind, 0, 1);
  CHECK(next_text(*receiver) == "0");
  write_at(directory() + "/box", kStart + span_of(1), std::string(100'000, 'x'));
  send_all(kind, 1, 3);
  CHECK(next_text(*receiver) == "1");
  CHECK(next_text(*receiver) == "2");
  CHECK(receiver->foreign_bytes() == 0);
}

TEST_CASE_FIXTURE(test::Guard,
                  "file: with sync a record is on the disk before it counts, and that as well") {
  const auto out = kind.connect("box", {.sync = true});
  {
    const Calls calls;
    CHECK(out->send(bytes_of("x")) == Status::ok);
    CHECK(calls.names() == "flock pread64 newfstatat pwritev fdatasync pwrite64 fdatasync flock");
  }
  const auto without = kind.connect("box");
  {
    const Calls calls;
    CHECK(without->send(bytes_of("x")) == Status::ok);
    CHECK(calls.names() == "flock pread64 newfstatat pwritev pwrite64 flock");
  }
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "file: the space of what was read is given back") {
  const auto receiver = kind.listen("box");
  Child sender = Child::run([&] {
    const auto out = kind.connect("box");
    const std::string block(64 << 10, 'x');
    for (int i = 0; i < 1600; ++i)
      expect(out->send(bytes_of(block)) == Status::ok, "send");  // 100 MiB
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

TEST_CASE_FIXTURE(test::Guard, "file, bare: lines of any text file, and of its successor") {
  {
    const auto lines = kind.listen("log", {.bare = true});
    const auto out = kind.connect("log", {.bare = true});
    CHECK(out->send(bytes_of("one")) == Status::ok);
    std::ofstream(directory() + "/log", std::ios::app) << "two\nthr";
    CHECK(next_text(*lines) == "one");
    CHECK(next_text(*lines) == "two");
    CHECK(lines->receive(Deadline::after(50ms)).status == Status::timed_out);
    std::ofstream(directory() + "/log", std::ios::app) << "ee\n";
    CHECK(next_text(*lines) == "three");
    std::ofstream(directory() + "/log") << "anew\n";  // truncates it
    CHECK(next_text(*lines) == "anew");
    std::ofstream(directory() + "/log2") << "successor\n";
    fs::rename(directory() + "/log2", directory() + "/log");
    CHECK(next_text(*lines) == "successor");
  }
  fs::remove(directory() + "/log");
}

}  // namespace

// What is special to a directory with a file for each message.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/kinds/durable.hpp"
#include "tests/support/guard.hpp"

namespace {

using namespace durable;

namespace fs = std::filesystem;

const ipc::Kind& kind = ipc::kinds::mailbox;

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files{fs::directory_iterator(directory), {}};
  std::ranges::sort(files);
  return files;
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE_FIXTURE(test::Guard, "mailbox: a message is a file, named by its order and its sender") {
  {
    const auto out = kind.connect("box");
    CHECK(out->send(bytes_of("first")) == Status::ok);
    CHECK(out->send(bytes_of("second")) == Status::ok);
  }
  const auto files = files_in(directory() + "/box/new");
  REQUIRE(files.size() == 2);
  CHECK(files[0].filename() == "0000000000000001.00000040.00000001");
  CHECK(files[1].filename() == "0000000000000002.00000040.00000002");
  CHECK(content_of(files[0]) == "first");
  CHECK(content_of(files[1]) == "second");
  CHECK(fs::is_empty(directory() + "/box/tmp"));
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "mailbox: what is in it and is no message harms nobody, and stays") {
  auto receiver = kind.listen("box");
  const auto letters = directory() + "/box/new/";
  auto out = kind.connect("box");
  CHECK(out->send(bytes_of("before")) == Status::ok);
  const auto put = [&](const std::string& name, const std::string& content) {
    std::ofstream(directory() + "/stranger") << content;
    fs::rename(directory() + "/stranger", letters + name);
  };
  put("readme.txt", "not for you");
  put(".hidden", "");
  put("0000000000000001.00000040.0000000A", "in capitals");
  put("0000000000000001.00000000.00000001", "of a sender who never was");
  put("0000000000000001.ffffffff.00000001", "of another");
  put("0000000000000002.00000041.00000001", "");
  fs::resize_file(letters + "0000000000000002.00000041.00000001", (16 << 20) + 1);
  fs::create_directory(letters + "0000000000000003.00000040.00000009");
  fs::create_symlink("/etc/hostname", letters + "0000000000000004.00000040.00000009");
  REQUIRE(::mkfifo((letters + "0000000000000005.00000040.00000009").c_str(), 0600) == 0);
  CHECK(out->send(bytes_of("after")) == Status::ok);
  CHECK(next_text(*receiver) == "before");
  CHECK(next_text(*receiver) == "after");
  CHECK(receiver->receive(Deadline::after(50ms)).status == Status::timed_out);
  CHECK(receiver->foreign_bytes() > (16 << 20));
  CHECK(files_in(letters).size() == 9);
  CHECK(content_of(letters + "readme.txt") == "not for you");
  const auto skipped = receiver->foreign_bytes();
  CHECK(out->send(bytes_of("again")) == Status::ok);
  CHECK(next_text(*receiver) == "again");
  CHECK(receiver->foreign_bytes() == skipped);  // each once
  out.reset();
  receiver.reset();
  CHECK(files_in(letters).size() == 9);
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard, "mailbox: the draft of a killed sender is the next one's") {
  const auto receiver = kind.listen("box");
  std::ofstream(directory() + "/box/tmp/0") << "half a mess";
  send_all(kind, 0, 1);
  CHECK(next_text(*receiver) == "0");
  CHECK(fs::is_empty(directory() + "/box/tmp"));
}

TEST_CASE_FIXTURE(test::Guard, "mailbox: removed under its receiver it is told, not waited for") {
  const auto receiver = kind.listen("box");
  fs::remove_all(fs::canonical(directory() + "/box"));
  try {
    (void)receiver->receive(Deadline::after(5s));
    FAIL("received");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::corrupt);
  }
}

TEST_CASE_FIXTURE(
    test::Guard, "mailbox: with sync the bytes are on the disk before their name, and that after") {
  const auto out = kind.connect("box", {.sync = true});
  {
    const Calls calls;
    CHECK(out->send(bytes_of("x")) == Status::ok);
    CHECK(calls.names() == "openat write fdatasync close rename fsync");
  }
  const auto without = kind.connect("box");
  {
    const Calls calls;
    CHECK(without->send(bytes_of("x")) == Status::ok);
    CHECK(calls.names() == "openat write close rename");
  }
  kind.remove("box");
}

TEST_CASE_FIXTURE(test::Guard,
                  "mailbox: more messages than inotify's queue holds are all read, in order") {
  constexpr int count = 17'000;  // fs.inotify.max_queued_events is 16,384 unless raised
  const auto receiver = kind.listen("box", {.capacity = std::size_t{1} << 30});
  send_all(kind, 0, count);
  int next = 0;
  while (next < count && next_text(*receiver) == std::to_string(next)) ++next;
  CHECK(next == count);
  CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "mailbox, bare: files renamed into any directory") {
  {
    const auto box = kind.listen("drop", {.max_message = 100, .bare = true});
    CHECK_THROWS_AS((void)kind.listen("drop", {.bare = true}), ipc::Error);
    const auto out = kind.connect("drop", {.bare = true});
    CHECK(out->send(bytes_of("one")) == Status::ok);
    std::ofstream(directory() + "/report.txt") << "a report";
    fs::rename(directory() + "/report.txt", directory() + "/drop/report.txt");
    CHECK(next_text(*box) == "one");
    CHECK(next_text(*box) == "a report");
    CHECK(box->receive(Deadline::after(50ms)).status == Status::timed_out);
    CHECK(fs::is_empty(directory() + "/drop"));
    std::ofstream(directory() + "/book.txt") << std::string(101, 'x');
    fs::rename(directory() + "/book.txt", directory() + "/drop/book.txt");
    CHECK_THROWS_AS((void)box->receive(Deadline::after(5s)), ipc::Error);
    CHECK(out->send(bytes_of("two")) == Status::ok);
    CHECK(next_text(*box) == "two");
  }
  CHECK(files_in(directory() + "/drop").size() == 1);
  fs::remove_all(directory() + "/drop");
}

}  // namespace

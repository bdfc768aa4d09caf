// What `mmap` finds after a power cut. The cut is played: while a sender sends, the file is copied
// after each flush, and then a file is put together of which each page is as old or as new as the
// kernel may have left it, but never older than its last flush.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "ipc/lanes/segment.hpp"
#include "ipc/sys/call.hpp"
#include "ipc/wire/numbered.hpp"
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

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLanes = ipc::lanes::kBoundary;  // where the first one begins
constexpr std::size_t kWindow = kLanes + (std::size_t{3} << 20);
constexpr std::size_t kLease = 2 * kPage;
constexpr std::size_t kMostMoments = 48;

// One copy of the file, from its beginning as far as it is used here.
struct Moment {
  std::array<std::byte, kWindow> file;
  std::array<std::byte, kLease> lease;
  std::uint32_t sent;      // so many sends had returned
  std::uint32_t consumed;  // so many messages are the receiver's
};

struct History {
  std::array<Moment, kMostMoments> moments;
  std::size_t count = 0;
  // For each moment, the latest one at which a page was flushed.
  std::array<std::array<std::uint8_t, kWindow / kPage>, kMostMoments> flushed{};
};

std::string message(std::uint32_t number, std::size_t size) {
  std::string text = "message " + std::to_string(number) + " ";
  std::uint64_t state = number;
  while (text.size() < size)
    text += static_cast<char>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
  return text.substr(0, std::max(size, text.find(' ', 8) + 1));
}

// Copies the file whenever something of it has been flushed.
class Recorder final : public ipc::sys::Observer {
 public:
  Recorder(History& history, const std::string& directory)
      : history_(history),
        file_(::open((directory + "/box").c_str(), O_RDONLY | O_CLOEXEC)),
        lease_(::open((directory + "/.box.lease").c_str(), O_RDONLY | O_CLOEXEC)) {}

  void sends(std::size_t size) {
    begin_ = end_;
    end_ +=
        ipc::wire::record_size(ipc::wire::bytes_begin(ipc::wire::RecordType::numbered, size), size);
  }
  void after(const ipc::sys::Call& call, const ipc::sys::Result&) override {
    const std::string why = call.why;
    if (std::strcmp(call.name, "msync") != 0) return;
    if (why == "the record, before it counts") copy(kLanes + begin_, kLanes + end_);
    if (why == "and that it counts") copy(kPage, 2 * kPage);
    if (why == "heads and tails") copy(0, kLanes);
  }
  void copy(std::size_t flushed_from, std::size_t flushed_to) {
    expect(history_.count < kMostMoments, "too many moments");
    const auto now = history_.count++;
    auto& moment = history_.moments[now];
    expect(::pread(file_, moment.file.data(), kWindow, 0) == kWindow, "pread");
    expect(::pread(lease_, moment.lease.data(), kLease, 0) == kLease, "pread");
    moment.sent = sent;
    moment.consumed = consumed;
    auto& flushed = history_.flushed[now];
    if (now > 0) flushed = history_.flushed[now - 1];
    for (auto page = flushed_from / kPage; page * kPage < flushed_to; ++page)
      flushed[page] = static_cast<std::uint8_t>(now);
  }

  std::uint32_t sent = 0;
  std::uint32_t consumed = 0;

 private:
  History& history_;
  int file_;
  int lease_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

struct Course {
  bool sync;
  std::uint32_t count;
  std::vector<std::size_t> sizes;  // in turn
  bool receives;
};

// Sends, and dies with the machine.
void run(const test::Guard& guard, const Course& course, History& history) {
  Child machine = Child::run([&] {
    ipc::kinds::mmap.listen("box").reset();  // not recorded: how it is made
    std::unique_ptr<ipc::Receiver> in;
    if (course.receives) in = ipc::kinds::mmap.listen("box");
    const auto out = ipc::kinds::mmap.connect("box", {.sync = course.sync});
    Recorder recorder(history, guard.directory());
    recorder.copy(0, kWindow);
    ipc::sys::observe(&recorder);
    for (std::uint32_t i = 0; i < course.count; ++i) {
      const auto text = message(i, course.sizes[i % course.sizes.size()]);
      recorder.sends(text.size());
      expect(out->send(std::as_bytes(std::span(text))) == Status::ok, "send");
      recorder.sent = i + 1;
      if (in && i % 3 != 0) {
        expect(in->receive(Deadline::after(5s)).status == Status::ok, "receive");
        ++recorder.consumed;
      }
      recorder.copy(0, 0);
    }
    ::_exit(0);
    return 0;
  });
  CHECK(machine.wait() == 0);
}

// What the disk has, in a directory as the machine left it.
class Disk {
 public:
  explicit Disk(const test::Guard& guard)
      : directory_(guard.directory()),
        object_(fs::read_symlink(directory_ + "/box").string()),
        size_(fs::file_size(directory_ + "/box")) {}

  void boot_with(const History& history, std::size_t moment, std::mt19937& random) {
    // The lease was flushed when the sender came; since then it is of any age, too.
    const auto& lease = history.moments[random() % (moment + 1)].lease;
    std::ofstream(directory_ + "/.box.lease", std::ios::binary)
        .write(reinterpret_cast<const char*>(lease.data()), kLease);
    fs::remove(directory_ + "/box");
    fs::create_symlink(object_, directory_ + "/box");
    const int file =
        ::open((directory_ + "/" + object_).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_TRUNC, 0600);
    expect(::ftruncate(file, static_cast<off_t>(size_)) == 0, "ftruncate");
    for (std::size_t page = 0; page < kWindow / kPage; ++page) {
      const std::size_t oldest = history.flushed[moment][page];
      const auto version = oldest + random() % (moment - oldest + 1);
      const std::byte* bytes = history.moments[version].file.data() + page * kPage;
      expect(::pwrite(file, bytes, kPage, static_cast<off_t>(page * kPage)) == kPage, "pwrite");
    }
    constexpr char boot[40] = "another boot";
    expect(::pwrite(file, boot, sizeof boot, offsetof(ipc::lanes::Layout, boot)) == sizeof boot,
           "pwrite");
    ::close(file);
  }

 private:
  std::string directory_;
  std::string object_;
  std::uintmax_t size_;
};

// Cuts at every moment, several times, and receives what is there afterwards.
void check(const test::Guard& guard, const Course& course) {
  const auto history = std::make_unique<test::Shared<History>>();
  run(guard, course, **history);
  Disk disk(guard);
  std::mt19937 random(1);
  std::size_t fewest = course.count;
  std::size_t gaps = 0;
  for (std::size_t moment = 0; moment < (*history)->count; ++moment)
    for (int cut = 0; cut < (test::is_long() ? 20 : 2); ++cut) {
      CAPTURE(moment);
      CAPTURE(cut);
      disk.boot_with(**history, moment, random);
      std::set<std::uint32_t> got;
      const auto receiver = ipc::kinds::mmap.listen("box");
      for (;;) {
        const auto received = receiver->receive(Deadline::at_once());
        if (received.status == Status::died || received.status == Status::closed) continue;
        if (received.status != Status::ok) break;
        const std::string text(reinterpret_cast<const char*>(received.message.data()),
                               received.message.size());
        const auto number = static_cast<std::uint32_t>(std::stoul(text.substr(8)));
        const bool whole = text == message(number, course.sizes[number % course.sizes.size()]);
        REQUIRE(whole);
        if (!got.empty()) {
          REQUIRE(number > *got.rbegin());
          if (number > *got.rbegin() + 1) ++gaps;
        }
        got.insert(number);
      }
      CHECK(receiver->foreign_bytes() == 0);
      const auto& then = (*history)->moments[moment];
      if (course.sync)
        for (auto number = then.consumed; number < then.sent; ++number)
          REQUIRE(got.contains(number));
      fewest = std::min(fewest, got.size());
      // It goes on from there.
      const auto out = ipc::kinds::mmap.connect("box");
      REQUIRE(out->send(std::as_bytes(std::span("after", 5))) == Status::ok);
      const auto received = receiver->receive(Deadline::after(5s));
      REQUIRE(received.status == Status::ok);
      REQUIRE(received.message.size() == 5);
    }
  // Else nothing was cut off at all.
  if (!course.sync) CHECK(fewest < course.count / 2);
  if (!course.sync && course.sizes.size() > 3) CHECK(gaps > 0);
}

TEST_CASE_FIXTURE(test::Guard,
                  "what was sent with sync survives a power cut at any moment, whole") {
  SUBCASE("small messages") {
    check(*this, {true, 12, {10, 300, 3000, 8000}, false});
  }
  SUBCASE("large messages, most of them received") {
    check(*this, {true, 12, {150'000, 240'000, 90'000}, true});
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "after a power cut without sync, what is received is whole and in order") {
  SUBCASE("small messages") {
    check(*this, {false, 40, {10, 300, 3000, 8000, 20}, false});
  }
  SUBCASE("large messages, most of them received") {
    check(*this, {false, 16, {150'000, 240'000, 90'000}, true});
  }
}

}  // namespace

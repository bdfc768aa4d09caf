// What is special to kinds whose messages outlive both sides.
#include "tests/kinds/durable.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"

namespace {

using namespace durable;
using test::Child;

namespace fs = std::filesystem;

const ipc::Kind& each_durable_kind() {
  const ipc::Kind* chosen = nullptr;
  const auto offer = [&](const auto& kinds) {
    for (const auto* kind : kinds)
      if (kind->traits.durable) DOCTEST_SUBCASE(kind->name.data()) {
          chosen = kind;
        }
  };
  offer(ipc::kinds::all);
  offer(ipc::kinds::on_trial);
  if (!chosen) throw std::logic_error("no kind is durable");
  return *chosen;
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
    expect(out->send(bytes_of("5")) == Status::ok, "send");
    ::_exit(0);
    return 0;
  });
  CHECK(dies.wait() == 0);
  CHECK_FALSE(entries().empty());
  {
    const auto receiver = kind.listen("box");
    for (int i = 0; i < 6; ++i) CHECK(next_text(*receiver) == std::to_string(i));
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
    for (int i = 0; i < 4; ++i) CHECK(next_text(*receiver) == std::to_string(i));
  }
  test::Shared<test::Gate> has_seventh;
  Child killed = Child::run([&] {
    const auto receiver = kind.listen("box");
    for (int i = 4; i < 7; ++i) expect(next_text(*receiver) == std::to_string(i), "order");
    has_seventh->open();
    return ::pause();
  });
  REQUIRE(has_seventh->wait());
  killed.kill();
  const auto receiver = kind.listen("box");
  CHECK(next_text(*receiver) == "6");  // the one that comes twice
  for (int i = 7; i < 10; ++i) CHECK(next_text(*receiver) == std::to_string(i));
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
      status = out->send(bytes_of(block), Deadline::at_once());
    CHECK(status == Status::timed_out);
  }
  CHECK(out->send(bytes_of(std::string(60000, 'y')), Deadline::after(5s)) == Status::closed);
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
  CHECK(out->send(bytes_of("x"), Deadline::after(5s)) == Status::ok);
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
  receiver.reset();
  receiver = kind.listen("box");
  CHECK(out->send(bytes_of("y"), Deadline::after(5s)) == Status::closed);
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
      expect(out->send(bytes_of("small"), Deadline::after(5s)) == Status::ok, "a small one");
      std::string failed;
      try {
        (void)out->send(bytes_of(std::string(100'000, 'x')), Deadline::after(5s));
      } catch (const ipc::Error& full) {
        failed = full.what();
        expect(full.trouble() == ipc::Trouble::limit, "a limit");
        expect(failed.find(" are free") != std::string::npos, failed);
      }
      expect(!failed.empty(), "100,000 bytes on a disk of 64 KiB");
      expect(out->send(bytes_of("small too"), Deadline::after(5s)) == Status::ok, "the next fits");
    }
    const auto receiver = kind.listen("box");
    expect(next_text(*receiver) == "small", "first");
    expect(next_text(*receiver) == "small too", "second");
  });
  CHECK(error == "");
}

TEST_CASE_FIXTURE(test::Guard, "a limit on the size of files is an error, not a signal") {
  const auto& kind = each_durable_kind();
  // What is read in place lies in a file that is as long as all its lanes from the first.
  const bool is_long_at_once = kind.traits.in_place;
  Child other = Child::run([&] {
    const rlimit limit{1 << 20, 1 << 20};
    expect(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
    std::unique_ptr<ipc::Sender> out;
    try {
      out = kind.connect("box");
      expect(!is_long_at_once, "connect makes the whole file");
      (void)out->send(bytes_of(std::string(2 << 20, 'x')));
      return 1;
    } catch (const ipc::Error& error) {
      expect(error.trouble() == ipc::Trouble::limit, "a limit");
      expect(std::string(error.what()).find("RLIMIT_FSIZE") != std::string::npos, error.what());
    }
    if (!is_long_at_once) expect(out->send(bytes_of("fits")) == Status::ok, "what fits is sent");
    return 0;
  });
  CHECK(other.wait() == 0);
  if (!is_long_at_once) CHECK(next_text(*kind.listen("box")) == "fits");
}

TEST_CASE_FIXTURE(test::Guard, "without inotify messages come all the same") {
  const auto& kind = each_durable_kind();
  Child receiver = Child::run([&] {
    expect(::unshare(CLONE_NEWUSER) == 0, "a user name space of its own");
    write_to("/proc/sys/user/max_inotify_instances", "0");
    const auto in = kind.listen("box");
    for (int i = 0; i < 20; ++i) expect(next_text(*in) == std::to_string(i), "order");
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
    for (int i = 0; i < 5; ++i) CHECK(out->send(bytes_of(std::to_string(i))) == Status::ok);
  }
  const auto receiver = kind.listen("box", {.sync = true});
  for (int i = 0; i < 5; ++i) CHECK(next_text(*receiver) == std::to_string(i));
  CHECK(receiver->receive(Deadline::after(2s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "an object that somebody removed is made anew when nobody is left") {
  const auto& kind = each_durable_kind();
  send_all(kind, 0, 1);
  fs::remove_all(fs::canonical(directory() + "/box"));
  const auto receiver = kind.listen("box");
  CHECK(receiver->receive(Deadline::after(100ms)).status == Status::timed_out);
  send_all(kind, 7, 8);
  CHECK(next_text(*receiver) == "7");
}

}  // namespace

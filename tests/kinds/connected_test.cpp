// What is special to kinds with a connection for each sender: seqpacket, stream, tcp.
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "ipc/sys/socket.hpp"
#include "ipc/sys/tcp.hpp"
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
using test::Shared;
using test::text_of;

// Connects as a program that knows nothing of the library.
ipc::sys::Fd plain_connection(const std::string& directory, const std::string& name, int type,
                              bool abstract = false) {
  ipc::sys::Fd socket = ipc::sys::make_unix_socket(type, "a stranger");
  ipc::sys::connect_unix(socket.get(), {{directory, name}, name, abstract}, "a stranger")
      .check(name);
  return socket;
}

void put(const ipc::sys::Fd& socket, std::string_view text) {
  REQUIRE(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
}

TEST_CASE_FIXTURE(test::Guard, "credentials are shown, and users who are not to be heard are not") {
  for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream}) {
    CAPTURE(kind->name);
    {
      const auto receiver = kind->listen("demo");
      const auto out = kind->connect("demo");
      REQUIRE(out->send(bytes_of("who am I?"), Deadline::after(5s)) == Status::ok);
      const auto got = receiver->receive(Deadline::after(5s));
      REQUIRE(got.status == Status::ok);
      CHECK(got.peer.pid == ::getpid());
      CHECK(got.peer.uid == ::geteuid());
    }
    const auto receiver = kind->listen("demo", {.from_uid = ::geteuid() + 1});
    const auto out = kind->connect("demo");
    (void)out->send(bytes_of("unheard"), Deadline::after(1s));
    CHECK(receiver->receive(Deadline::after(300ms)).status == Status::timed_out);
    CHECK(receiver->foreign_bytes() > 0);
  }
}

TEST_CASE_FIXTURE(test::Guard, "an abstract name has no file, and its owner is the lease's") {
  for (const ipc::Kind* kind : {&ipc::kinds::dgram, &ipc::kinds::seqpacket, &ipc::kinds::stream}) {
    CAPTURE(kind->name);
    {
      const auto receiver = kind->listen("demo", {.abstract = true});
      CHECK(entries() == std::vector<std::string>{".demo.lease"});
      const auto out = kind->connect("demo");  // the lease says that it is abstract
      REQUIRE(out->send(bytes_of("hello"), Deadline::after(5s)) == Status::ok);
      CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "hello");
      CHECK_THROWS_AS((void)kind->listen("demo", {.abstract = true}), ipc::Error);
      CHECK_THROWS_AS((void)kind->listen("demo"), ipc::Error);
    }
    CHECK(entries().empty());
    const auto name = "ipcways-test-" + std::to_string(::getpid());
    const auto bare = kind->listen(name, {.abstract = true, .bare = true});
    const auto out = kind->connect(name, {.abstract = true, .bare = true});
    REQUIRE(out->send(bytes_of("bare"), Deadline::after(5s)) == Status::ok);
    CHECK(text_of(bare->receive(Deadline::after(5s)).message) == "bare");
  }
}

TEST_CASE_FIXTURE(test::Guard, "a killed receiver's abstract name can be taken over") {
  Shared<test::Gate> listens;
  Child other = Child::run([&] {
    const auto receiver = ipc::kinds::stream.listen("demo", {.abstract = true});
    listens->open();
    return ::pause();
  });
  REQUIRE(listens->wait());
  other.kill();
  const auto receiver = ipc::kinds::stream.listen("demo", {.abstract = true});
  const auto out = ipc::kinds::stream.connect("demo");
  CHECK(out->send(bytes_of("x"), Deadline::after(5s)) == Status::ok);
}

TEST_CASE_FIXTURE(test::Guard, "bare streams keep the lines of each connection apart") {
  const auto receiver = ipc::kinds::stream.listen("demo", {.bare = true});
  auto a = plain_connection(directory(), "demo", SOCK_STREAM);
  auto b = plain_connection(directory(), "demo", SOCK_STREAM);
  put(a, "first of a\nhalf of ");
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "first of a");
  put(b, "all of b\n");
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "all of b");
  put(a, "a line\nwithout newline");
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "half of a line");
  a.reset();
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "without newline");
  CHECK(receiver->receive(Deadline::after(100ms)).status == Status::timed_out);  // b is there
  b.reset();
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "a bare packet may be empty, and that is no end") {
  const auto receiver = ipc::kinds::seqpacket.listen("demo", {.bare = true});
  auto a = plain_connection(directory(), "demo", SOCK_SEQPACKET);
  put(a, "");
  put(a, "after");
  a.reset();
  const auto empty = receiver->receive(Deadline::after(5s));
  CHECK(empty.status == Status::ok);
  CHECK(empty.message.empty());
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "after");
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "a sender that never stops does not keep another from being heard") {
  for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream, &ipc::kinds::tcp}) {
    CAPTURE(kind->name);
    const auto receiver = kind->listen("demo");
    const auto loud = kind->connect("demo");
    const auto quiet = kind->connect("demo");
    while (loud->send(bytes_of("again"), Deadline::at_once()) == Status::ok) {
    }
    REQUIRE(quiet->send(bytes_of("excuse me"), Deadline::after(5s)) == Status::ok);
    int heard = 0;
    while (text_of(receiver->receive(Deadline::after(5s)).message) != "excuse me")
      REQUIRE(++heard <= 128);
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "any number of senders may come, send and leave before the receiver looks") {
  for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream, &ipc::kinds::tcp}) {
    CAPTURE(kind->name);
    const auto receiver = kind->listen("demo");
    constexpr int many = 300;  // more than may stay as strangers, and than are let in in one round
    for (int i = 0; i < many; ++i)
      REQUIRE(kind->connect("demo")->send(bytes_of(std::to_string(i)), Deadline::after(5s)) ==
              Status::ok);
    std::set<std::string> heard;
    for (int i = 0; i < many; ++i) {
      const auto got = receiver->receive(Deadline::after(5s));
      REQUIRE(got.status == Status::ok);
      CHECK(heard.insert(text_of(got.message)).second);
    }
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
  }
}

// Lets one system call fail, always for the descriptor for which it was made first.
class FailingHearing : public ipc::sys::Observer {
 public:
  explicit FailingHearing(std::string_view call) : call_(call) {}
  bool before(const ipc::sys::Call& call, ipc::sys::Result& pretended) override {
    if (call_ != call.name) return false;
    const auto arguments = call.arguments();
    const auto descriptor = arguments.substr(0, arguments.find(','));
    if (descriptor_.empty()) descriptor_ = descriptor;
    if (descriptor != descriptor_) return false;
    pretended = {call.name, -1, EIO};
    return true;
  }

 private:
  std::string call_;
  std::string descriptor_;
};

TEST_CASE_FIXTURE(test::Guard,
                  "a connection that cannot be read is an error, no end, and harms no other") {
  const struct {
    const ipc::Kind* kind;
    bool bare;
    std::string_view call;
  } all[] = {{&ipc::kinds::seqpacket, false, "recvfrom"}, {&ipc::kinds::stream, false, "read"},
             {&ipc::kinds::tcp, false, "read"},           {&ipc::kinds::seqpacket, true, "recvmsg"},
             {&ipc::kinds::stream, true, "read"},         {&ipc::kinds::tcp, true, "read"}};
  for (const auto& [kind, bare, call] : all) {
    CAPTURE(kind->name);
    CAPTURE(bare);
    const ipc::Options options{.bare = bare};
    const auto receiver = kind->listen(kind->traits.many_hosts && bare ? "0" : "demo", options);
    const auto one = kind->connect(receiver->address(), options);
    const auto other = kind->connect(receiver->address(), options);
    for (const auto* out : {&one, &other})
      REQUIRE((*out)->send(bytes_of("hello"), Deadline::after(5s)) == Status::ok);
    FailingHearing observer(call);
    ipc::sys::observe(&observer);
    int failed = 0;
    int heard = 0;
    for (int i = 0; i < 10; ++i) try {
        if (receiver->receive(Deadline::after(20ms)).status == Status::ok) ++heard;
      } catch (const ipc::Error& error) {
        CHECK(error.code().value() == EIO);
        ++failed;
      }
    ipc::sys::observe(nullptr);
    CHECK(failed > 1);
    CHECK(heard == 1);
    CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "hello");
    CHECK(receiver->receive(Deadline::after(20ms)).status == Status::timed_out);
  }
}

// Takes every descriptor that this process may have.
class Descriptors {
 public:
  explicit Descriptors(std::size_t room) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit limit = before_;
    limit.rlim_cur = test::open_descriptors().size() + room;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int fd = ::dup(2); fd >= 0; fd = ::dup(2)) taken_.emplace_back(fd);
    REQUIRE(errno == EMFILE);
    REQUIRE_FALSE(taken_.empty());
  }
  ~Descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  void give_back() { taken_.clear(); }

 private:
  rlimit before_{};
  std::vector<ipc::sys::Fd> taken_;
};

TEST_CASE_FIXTURE(test::Guard,
                  "who cannot be let in for lack of descriptors is told once, and let in later") {
  for (const bool bare : {false, true}) {
    for (const ipc::Kind* kind : {&ipc::kinds::seqpacket, &ipc::kinds::stream, &ipc::kinds::tcp}) {
      CAPTURE(kind->name);
      CAPTURE(bare);
      const ipc::Options options{.bare = bare};
      const auto receiver = kind->listen(kind->traits.many_hosts && bare ? "0" : "demo", options);
      const int fd = receiver->readiness_fd();
      Shared<test::Gate> may_come;
      Shared<test::Gate> has_sent;
      Child other = Child::run([&] {
        test::expect(may_come->wait(), "come");
        const auto out = kind->connect(receiver->address(), options);
        test::expect(out->send(bytes_of("from the backlog"), Deadline::after(5s)) == Status::ok,
                     "");
        has_sent->open();
        return 0;
      });
      const auto out = kind->connect(receiver->address(), options);
      REQUIRE(out->send(bytes_of("before"), Deadline::after(5s)) == Status::ok);
      CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "before");
      Descriptors all(20);
      may_come->open();
      REQUIRE(has_sent->wait());
      try {
        (void)receiver->receive(Deadline::after(5s));
        FAIL("it was let in");
      } catch (const ipc::Error& error) {
        CHECK(error.trouble() == ipc::Trouble::limit);
        CHECK(std::string(error.what()).find("RLIMIT_NOFILE = ") != std::string::npos);
      }
      REQUIRE(out->send(bytes_of("meanwhile"), Deadline::after(5s)) == Status::ok);
      CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "meanwhile");
      // Nobody who polls is kept busy by one who waits in vain.
      int woken = 0;
      for (const auto end = Deadline::after(800ms); !end.expired(); ++woken) {
        pollfd watched{fd, POLLIN, 0};
        (void)::poll(&watched, 1, static_cast<int>(end.left() / 1ms) + 1);
        CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
      }
      CHECK(woken < 10);
      all.give_back();
      pollfd watched{fd, POLLIN, 0};
      std::string got;
      for (const auto end = Deadline::after(5s); got.empty() && !end.expired();) {
        REQUIRE(::poll(&watched, 1, 1000) == 1);
        got = text_of(receiver->receive(Deadline::at_once()).message);
      }
      CHECK(got == "from the backlog");
      CHECK(other.wait() == 0);
    }
  }
}

}  // namespace

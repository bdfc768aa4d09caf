// What is special to POSIX message queues: priorities, the quota of the user, and bare queues.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Options;
using ipc::Status;
using ipc::kinds::mq;
using test::bytes_of;
using test::Child;
using test::expect;
using test::text_of;

Options with_priority(unsigned priority) {
  Options options;
  options.priority = priority;
  return options;
}
std::string next(ipc::Receiver& receiver) {
  const auto got = receiver.receive(Deadline::after(5s));
  REQUIRE(got.status == Status::ok);
  return text_of(got.message);
}

void limit_quota(rlim_t bytes) {
  const rlimit limit{bytes, bytes};
  expect(::setrlimit(RLIMIT_MSGQUEUE, &limit) == 0, "setrlimit");
}

TEST_CASE_FIXTURE(test::Guard,
                  "messages of a higher priority overtake, and each sender's order stays") {
  const auto receiver = mq.listen("demo");
  const auto low = mq.connect("demo");
  const auto high = mq.connect("demo", with_priority(9));
  for (const auto* word : {"a", "b", "c"}) REQUIRE(low->send(bytes_of(word)) == Status::ok);
  for (const auto* word : {"urgent", "more urgent"})
    REQUIRE(high->send(bytes_of(word)) == Status::ok);
  CHECK(next(*receiver) == "urgent");
  CHECK(next(*receiver) == "more urgent");
  for (const auto* word : {"a", "b", "c"}) CHECK(next(*receiver) == word);
}

TEST_CASE_FIXTURE(test::Guard,
                  "a sender does not overtake what the last owner of its place has left") {
  Options one;
  one.max_senders = 1;
  const auto receiver = mq.listen("demo", one);
  REQUIRE(mq.connect("demo")->send(bytes_of("left behind")) == Status::ok);
  try {
    (void)mq.connect("demo", with_priority(1));
    FAIL("it was let in");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::limit);
    CHECK(std::string(error.what()).find("lower priority") != std::string::npos);
  }
  CHECK(next(*receiver) == "left behind");
  CHECK(receiver->receive(Deadline::after(1s)).status == Status::closed);
  const auto later = mq.connect("demo", with_priority(1));
  CHECK(later->send(bytes_of("later")) == Status::ok);
  CHECK(next(*receiver) == "later");
}

TEST_CASE_FIXTURE(test::Guard, "a priority that the system does not know is refused") {
  const auto receiver = mq.listen("demo");
  CHECK_THROWS_AS((void)mq.connect("demo", with_priority(32768)), ipc::Error);
  CHECK(mq.connect("demo", with_priority(32767))->send(bytes_of("x")) == Status::ok);
}

// How many messages of 8000 bytes fit.
int depth_of(const std::string& address) {
  const auto out = mq.connect(address);
  int count = 0;
  while (out->send(std::vector<std::byte>(8000), Deadline::at_once()) == Status::ok) ++count;
  return count;
}

TEST_CASE_FIXTURE(test::Guard, "receivers take smaller queues as the user's quota is used up") {
  std::vector<std::unique_ptr<ipc::Receiver>> all;
  const auto name = [&] { return "r" + std::to_string(all.size()); };
  // Others of this user may have queues too, so nobody knows how many it will be.
  try {
    for (;;) {
      auto receiver = mq.listen(name());
      all.push_back(std::move(receiver));
    }
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::limit);
    CHECK(std::string(error.what()).find("RLIMIT_MSGQUEUE") != std::string::npos);
  }
  REQUIRE_FALSE(all.empty());
  CHECK(depth_of("r" + std::to_string(all.size() - 1)) < 9);
  // And what is long goes through the last and smallest.
  const std::string last = all.back()->address();
  while (all.back()->receive(Deadline::after(300ms)).status == Status::ok) {
  }
  Child busy = Child::run([&] {
    const auto sender = mq.connect(last);
    return sender->send(std::vector<std::byte>(100'000), Deadline::after(10s)) == Status::ok ? 0
                                                                                             : 1;
  });
  auto got = all.back()->receive(Deadline::after(10s));
  while (got.status == Status::closed) got = all.back()->receive(Deadline::after(10s));
  CHECK(got.status == Status::ok);
  CHECK(got.message.size() == 100'000);
  CHECK(busy.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "no room for any queue names the quota, its value and the remedy") {
  Child other = Child::run([] {
    limit_quota(1000);
    try {
      (void)mq.listen("none");
    } catch (const ipc::Error& error) {
      const std::string what = error.what();
      expect(error.trouble() == ipc::Trouble::limit, what);
      for (const auto* part : {"RLIMIT_MSGQUEUE", "1000", "ulimit -q"})
        expect(what.find(part) != std::string::npos, what);
      return 0;
    }
    return 1;
  });
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "a kind says how many receivers fit, and under which capacity") {
  const Options options = mq.fit(33);
  REQUIRE(options.capacity);
  std::vector<std::unique_ptr<ipc::Receiver>> all;
  for (int i = 0; i < 33; ++i) all.push_back(mq.listen("w" + std::to_string(i), options));
  CHECK(all.size() == 33);
  all.clear();
  try {
    (void)mq.fit(100'000);
    FAIL("so many fit");
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::limit);
    CHECK(std::string(error.what()).find("100000 queues") != std::string::npos);
  }
  CHECK_FALSE(ipc::kinds::fifo.fit(100'000).capacity);
}

TEST_CASE_FIXTURE(test::Guard, "a bare queue talks to a program that knows nothing of us") {
  Options bare;
  bare.bare = true;
  const auto name = "ipcways-test-" + std::to_string(::getpid());
  const auto path = "/" + name;
  {
    const auto receiver = mq.listen(name, bare);
    const mqd_t theirs = ::mq_open(path.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(theirs >= 0);
    REQUIRE(::mq_send(theirs, "from C", 6, 3) == 0);
    ::mq_close(theirs);
    CHECK(next(*receiver) == "from C");
    CHECK(mq.connect(name, bare)->send(bytes_of("from us")) == Status::ok);
    CHECK(next(*receiver) == "from us");
    CHECK_THROWS_AS((void)mq.connect(name), ipc::Error);  // with frames it is not for us
  }
  CHECK(::mq_open(path.c_str(), O_RDONLY) == -1);  // it was ours, and has gone
}

TEST_CASE_FIXTURE(test::Guard, "a queue that somebody else has made is used, and left to him") {
  Options bare;
  bare.bare = true;
  const auto name = "ipcways-other-" + std::to_string(::getpid());
  const auto path = "/" + name;
  mq_attr attributes{};
  attributes.mq_maxmsg = 2;
  attributes.mq_msgsize = 100;
  const mqd_t theirs =
      ::mq_open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600, &attributes);
  REQUIRE(theirs >= 0);
  REQUIRE(::mq_send(theirs, "waiting", 7, 0) == 0);
  CHECK(next(*mq.listen(name, bare)) == "waiting");
  REQUIRE(::mq_send(theirs, "still there", 11, 0) == 0);
  CHECK(next(*mq.listen(name, bare)) == "still there");
  ::mq_close(theirs);
  CHECK(::mq_unlink(path.c_str()) == 0);
}

}  // namespace

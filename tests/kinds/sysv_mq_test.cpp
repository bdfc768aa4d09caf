// What is special to System V message queues: keys, limits, and bare queues.
#include <sys/ipc.h>
#include <sys/msg.h>

#include <cstring>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Options;
using ipc::Status;
using ipc::kinds::sysv_mq;
using test::text_of;

struct Message {
  long type;
  char text[16];
};

Options bare() {
  Options options;
  options.bare = true;
  return options;
}

TEST_CASE_FIXTURE(test::Guard,
                  "more capacity than the system allows is refused, naming the limit") {
  Options huge;
  huge.capacity = std::size_t{1} << 30;
  try {
    (void)sysv_mq.listen("demo", huge);
    // Whoever has CAP_SYS_RESOURCE may; then there is nothing to refuse.
  } catch (const ipc::Error& error) {
    CHECK(error.trouble() == ipc::Trouble::limit);
    CHECK(std::string(error.what()).find("kernel.msgmnb") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(test::Guard, "a smaller queue holds less, and long messages go through it") {
  Options small;
  small.capacity = 512;
  const auto receiver = sysv_mq.listen("demo", small);
  const auto out = sysv_mq.connect("demo");
  int sent = 0;
  const std::vector<std::byte> bytes(100);
  while (out->send(bytes, Deadline::at_once()) == Status::ok) ++sent;
  CHECK(sent == 3);  // of 124 bytes; the greeting has 24
}

TEST_CASE_FIXTURE(test::Guard,
                  "a bare queue is called by its key, and of old programs any type is heard") {
  const key_t key = 0x49504300 + (::getpid() & 0xff);
  const auto address = std::to_string(key);
  {
    const auto receiver = sysv_mq.listen(address, bare());
    const int theirs = ::msgget(key, 0);
    REQUIRE(theirs >= 0);
    Message message{7, "from C"};
    REQUIRE(::msgsnd(theirs, &message, 6, 0) == 0);
    auto got = receiver->receive(Deadline::after(5s));
    REQUIRE(got.status == Status::ok);
    CHECK(text_of(got.message) == "from C");
    const auto words = std::as_bytes(std::span(std::string_view("from us")));
    CHECK(sysv_mq.connect(address, bare())->send(words) == Status::ok);
    REQUIRE(::msgrcv(theirs, &message, sizeof message.text, 0, IPC_NOWAIT) == 7);
    CHECK(message.type == 1);
    CHECK(std::memcmp(message.text, "from us", 7) == 0);
  }
  CHECK(::msgget(key, 0) == -1);  // it was ours, and has gone
}

TEST_CASE_FIXTURE(test::Guard, "a bare queue that somebody else has made is left to him") {
  const key_t key = 0x49504400 + (::getpid() & 0xff);
  const int theirs = ::msgget(key, IPC_CREAT | IPC_EXCL | 0600);
  REQUIRE(theirs >= 0);
  sysv_mq.listen(std::to_string(key), bare()).reset();
  CHECK(::msgctl(theirs, IPC_RMID, nullptr) == 0);
}

TEST_CASE_FIXTURE(test::Guard, "what is no key is refused as a bare address") {
  CHECK_THROWS_AS((void)sysv_mq.listen("demo", bare()), ipc::Error);
  CHECK_THROWS_AS((void)sysv_mq.connect("0", bare()), ipc::Error);
  CHECK_THROWS_AS((void)sysv_mq.connect("0x123456789", bare()), ipc::Error);
}

}  // namespace

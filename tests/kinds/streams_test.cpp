// What is special to FIFOs and pipes: capacity, EOF, lines.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/text.hpp"

namespace {

using namespace ipc;
using namespace std::chrono_literals;
using test::bytes_of;
using test::Child;
using test::text_of;

void write_to(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  REQUIRE(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::close(fd);
}

bool is_readable(int fd, int milliseconds) {
  pollfd watched{fd, POLLIN, 0};
  return ::poll(&watched, 1, milliseconds) > 0;
}

// After the end for good: nothing more is told, nobody who polls is kept busy, and nobody hangs.
void check_over(Receiver& receiver) {
  CHECK(receiver.receive(Deadline::at_once()).status == Status::timed_out);
  const int fd = receiver.readiness_fd();
  CHECK(receiver.receive(Deadline::at_once()).status == Status::timed_out);
  CHECK_FALSE(is_readable(fd, 600));
  const auto before = Deadline::Clock::now();
  CHECK(receiver.receive(Deadline::after(50ms)).status == Status::timed_out);
  CHECK(Deadline::Clock::now() - before >= 50ms);
  try {
    (void)receiver.receive();
    FAIL("something came");
  } catch (const Error& error) {
    CHECK(error.code().value() == EPIPE);
  }
}

void check_end_for_good(Receiver& receiver) {
  auto closed = receiver.receive(Deadline::after(5s));
  CHECK(closed.status == Status::closed);
  // A sender's goodbye may be met before its process has closed the last write end.
  if (!closed.for_good) closed = receiver.receive(Deadline::after(5s));
  CHECK(closed.status == Status::closed);
  CHECK(closed.for_good);
  check_over(receiver);
}

TEST_CASE_FIXTURE(test::Guard, "a bare FIFO hears lines of any program, and each EOF as an end") {
  const auto receiver = kinds::fifo.listen("bare", {.bare = true});
  const auto path = directory() + "/bare";
  struct stat about {};
  REQUIRE(::lstat(path.c_str(), &about) == 0);
  CHECK(S_ISFIFO(about.st_mode));
  CHECK(receiver->receive(Deadline::after(20ms)).status ==
        Status::timed_out);  // nobody yet is no end
  for (int round = 0; round < 3; ++round) {
    write_to(path, "one\n\nthree without a newline");
    CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "one");
    CHECK(receiver->receive(Deadline::after(5s)).message.empty());
    CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "three without a newline");
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::closed);
    CHECK(receiver->receive(Deadline::after(50ms)).status == Status::timed_out);
  }
}

TEST_CASE_FIXTURE(test::Guard, "a bare FIFO's readiness does not spin after an EOF") {
  const auto receiver = kinds::fifo.listen("bare", {.bare = true});
  const int fd = receiver->readiness_fd();
  CHECK_FALSE(is_readable(fd, 50));
  for (int round = 0; round < 3; ++round) {
    write_to(directory() + "/bare", "line\n");
    CHECK(is_readable(fd, 1000));
    CHECK(text_of(receiver->receive(Deadline::at_once()).message) == "line");
    CHECK(is_readable(fd, 1000));
    CHECK(receiver->receive(Deadline::at_once()).status == Status::closed);
    CHECK(receiver->receive(Deadline::at_once()).status == Status::timed_out);
    CHECK_FALSE(is_readable(fd, 50));
  }
}

TEST_CASE_FIXTURE(test::Guard, "a bare sender feeds any program that reads lines") {
  const auto path = directory() + "/plain";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  {
    const auto out = kinds::fifo.connect("plain", {.bare = true});
    CHECK(out->send(bytes_of("one")) == Status::ok);
    CHECK(out->send({}) == Status::ok);
    char room[16];
    REQUIRE(::read(reader, room, sizeof room) == 5);
    CHECK(std::string(room, 5) == "one\n\n");
    while (out->send(bytes_of(std::string(1000, 'x')), Deadline::at_once()) == Status::ok) {
    }
    ::close(reader);
    CHECK(out->send(bytes_of("two"), Deadline::after(1s)) == Status::closed);
  }
  CHECK_THROWS_AS((void)kinds::fifo.connect("plain", {.bare = true}),
                  Error);  // nobody reads it now
  ::unlink(path.c_str());
}

TEST_CASE_FIXTURE(test::Guard, "bare and framed ends refuse each other") {
  {
    const auto framed = kinds::fifo.listen("name");
    CHECK_THROWS_AS((void)kinds::fifo.connect("name", {.bare = true}), Error);
  }
  const auto bare = kinds::fifo.listen("name", {.bare = true});
  CHECK_THROWS_AS((void)kinds::fifo.connect("name"), Error);
}

TEST_CASE_FIXTURE(test::Guard,
                  "a larger capacity lets more wait, and one beyond the limit is refused by name") {
  for (const auto* kind : {&kinds::fifo, &kinds::pipe}) {
    CAPTURE(std::string(kind->name));
    std::size_t before = 0;
    for (const std::size_t capacity :
         {std::size_t{65536}, std::size_t{262144}, std::size_t{1} << 20}) {
      const auto receiver = kind->listen(kind->traits.named ? "name" : "", {.capacity = capacity});
      const auto out = kind->connect(receiver->address());
      std::size_t count = 0;
      const std::string message(4000, 'x');
      while (out->send(bytes_of(message), Deadline::at_once()) == Status::ok) ++count;
      CHECK(count * 4096 <= capacity);
      CHECK(count * 4096 > capacity / 2);
      CHECK(count > before);
      before = count;
    }
    if (::geteuid() == 0) continue;  // root may exceed it
    try {
      (void)kind->listen(kind->traits.named ? "name" : "", {.capacity = std::size_t{1} << 30});
      FAIL("1 GiB was granted");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("/proc/sys/fs/pipe-max-size") != std::string::npos);
    }
  }
}

TEST_CASE_FIXTURE(test::Guard,
                  "a pipe between relatives: inherited ends, and EOF when the last is closed") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Child other = Child::forked([&] {
    ::close(ends[0]);
    const auto out = kinds::pipe.connect("", {.fd = ends[1]});
    for (int i = 0; i < 3; ++i)
      test::expect(out->send(bytes_of("message " + std::to_string(i))) == Status::ok, "send");
    return 0;
  });
  ::close(ends[1]);
  const auto receiver = kinds::pipe.listen("", {.fd = ends[0]});
  for (int i = 0; i < 3; ++i)
    CHECK(text_of(receiver->receive(Deadline::after(5s)).message) ==
          "message " + std::to_string(i));
  check_end_for_good(*receiver);
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "the end of an inherited pipe is told once, and is for good") {
  for (const bool bare : {false, true})
    for (const bool polled : {false, true})
      for (const bool has_sender : {false, true}) {
        CAPTURE(bare);
        CAPTURE(polled);
        CAPTURE(has_sender);
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        const auto receiver = kinds::pipe.listen("", {.fd = ends[0], .bare = bare});
        if (polled) (void)receiver->readiness_fd();
        if (has_sender) {
          const auto out = kinds::pipe.connect("", {.fd = ends[1], .bare = bare});
          CHECK(out->send(bytes_of("x")) == Status::ok);
        } else {
          ::close(ends[1]);
        }
        if (polled) CHECK(is_readable(receiver->readiness_fd(), 1000));
        if (has_sender) CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "x");
        check_end_for_good(*receiver);
      }
}

TEST_CASE_FIXTURE(test::Guard,
                  "the end of a pipe that is held open by others is told for good when it comes") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  int held = ::dup(ends[1]);
  const auto receiver = kinds::pipe.listen("", {.fd = ends[0]});
  auto out = kinds::pipe.connect("", {.fd = ends[1]});
  CHECK(out->send(bytes_of("x")) == Status::ok);
  out.reset();
  CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
  const auto closed = receiver->receive(Deadline::after(5s));
  CHECK(closed.status == Status::closed);
  CHECK_FALSE(closed.for_good);
  CHECK(receiver->receive(Deadline::after(300ms)).status == Status::timed_out);
  {
    const auto next = kinds::pipe.connect("", {.fd = ::dup(held)});
    CHECK(next->send(bytes_of("y")) == Status::ok);
    CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "y");
  }
  CHECK_FALSE(receiver->receive(Deadline::after(5s)).for_good);
  ::close(held);
  check_end_for_good(*receiver);
}

TEST_CASE_FIXTURE(test::Guard, "the end of another user's pipe is told once, too") {
  if (::geteuid() != 0) return;  // only root can become another user
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Child other = Child::forked([&] {
    ::close(ends[1]);
    test::expect(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
    const auto receiver = kinds::pipe.listen("", {.fd = ends[0]});
    const int fd = receiver->readiness_fd();
    test::expect(receiver->receive(Deadline::after(5s)).for_good, "for good");
    test::expect(receiver->receive(Deadline::at_once()).status == Status::timed_out, "once");
    test::expect(!is_readable(fd, 600), "quiet");
    return 0;
  });
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(other.wait() == 0);
}

TEST_CASE_FIXTURE(test::Guard, "a goodbye through a pipe is noticed at once") {
  const auto receiver = kinds::pipe.listen("");
  int late = 0;
  for (int round = 0; round < 40; ++round) {
    const bool polled = round >= 20;
    Child other = Child::run([&] {
      const auto out = kinds::pipe.connect(receiver->address());
      return out->send(bytes_of("x")) == Status::ok ? 0 : 1;
    });
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
    const auto heard = Deadline::Clock::now();
    auto got = receiver->receive(polled ? Deadline::at_once() : Deadline::after(5s));
    while (got.status == Status::timed_out) {
      REQUIRE(is_readable(receiver->readiness_fd(), 5000));
      got = receiver->receive(Deadline::at_once());
    }
    CHECK(got.status == Status::closed);
    if (Deadline::Clock::now() - heard > 100ms) ++late;
    CHECK(other.wait() == 0);
  }
  CHECK(late <= 4);  // as many as a busy machine may delay
}

TEST_CASE_FIXTURE(test::Guard,
                  "a pipe that another process still holds open tells a death all the same") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Child holds = Child::forked([] {
    for (;;) ::pause();
    return 0;
  });
  Child other = Child::forked([&] {
    const auto out = kinds::pipe.connect("", {.fd = ends[1]});
    test::expect(out->send(bytes_of("last words")) == Status::ok, "send");
    return ::raise(SIGKILL);
  });
  ::close(ends[1]);
  const auto receiver = kinds::pipe.listen("", {.fd = ends[0]});
  CHECK(text_of(receiver->receive(Deadline::after(5s)).message) == "last words");
  CHECK(other.wait() == -SIGKILL);
  const auto died = receiver->receive(Deadline::after(1s));
  CHECK(died.status == Status::died);
  CHECK(died.peer.claimed_pid.has_value());
  CHECK(receiver->receive(Deadline::after(1s)).status == Status::closed);
}

TEST_CASE_FIXTURE(test::Guard, "an inherited pipe keeps the flags it had for everybody else") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int kept[2] = {::dup(ends[0]), ::dup(ends[1])};
  {
    const auto receiver = kinds::pipe.listen("", {.fd = ends[0]});
    const auto out = kinds::pipe.connect("", {.fd = ends[1]});
    CHECK(out->send(bytes_of("x")) == Status::ok);
    CHECK(receiver->receive(Deadline::after(5s)).status == Status::ok);
    for (const int fd : kept) CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
  }
  for (const int fd : kept) ::close(fd);
}

TEST_CASE_FIXTURE(test::Guard, "what is no pipe, and a second receiver of one, are refused") {
  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  CHECK_THROWS_AS((void)kinds::pipe.listen("", {.fd = file}), Error);
  CHECK_THROWS_AS((void)kinds::pipe.connect("", {.fd = file}), Error);
  CHECK_THROWS_AS((void)kinds::pipe.listen("name"), Error);
  CHECK_THROWS_AS((void)kinds::pipe.connect("/proc/self/fd/" + std::to_string(file)), Error);
  ::close(file);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int again = ::dup(ends[0]);
  {
    const auto first = kinds::pipe.listen("", {.fd = ends[0]});
    try {
      (void)kinds::pipe.listen("", {.fd = again});
      FAIL("two receivers of one pipe");
    } catch (const Error& error) {
      CHECK(error.trouble() == Trouble::in_use);
    }
  }
  // Reopening an inherited end closes it; what was refused may have been closed as well.
  if (::fcntl(again, F_GETFD) >= 0) ::close(again);
  ::close(ends[1]);
}

}  // namespace

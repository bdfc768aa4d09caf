#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "tools/pool/supervisor_launcher.hpp"

using pool::Child;
using pool::Command;

namespace {

/// A file in memory that a child writes to, read back by its path.
class Output {
 public:
  Output() : fd_(::memfd_create("output", MFD_CLOEXEC)) { REQUIRE(fd_ >= 0); }
  ~Output() { ::close(fd_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  int fd() const { return fd_; }
  std::string text() const {
    std::ifstream file("/proc/self/fd/" + std::to_string(fd_));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  int fd_;
};

pool::Exit wait_for(Child& child) {
  pollfd poll{child.pidfd(), POLLIN, 0};
  if (::poll(&poll, 1, 10'000) != 1) {
    child.signal(SIGKILL);
    FAIL("the child did not end within ten seconds");
  }
  const auto exit = child.reap();
  REQUIRE(exit);
  return *exit;
}

Command shell(const std::string& script, std::vector<int> descriptors = {}) {
  return {"/bin/sh", {"-c", script}, std::move(descriptors)};
}

bool lives(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

/// Waits until it does not; false after two seconds.
bool dies(pid_t pid) {
  for (int tick = 0; tick != 200; ++tick) {
    if (!lives(pid)) return true;
    ::usleep(10'000);
  }
  return false;
}

}  // namespace

TEST_CASE("a child has exactly the descriptors it was given, in order") {
  const Output list, second;
  // One that is not close-on-exec must not get through either.
  const int careless = ::open("/dev/null", O_RDONLY);
  REQUIRE(careless >= 0);
  Child child =
      pool::launch(shell("echo four >&4; exec ls /proc/self/fd >&3", {list.fd(), second.fd()}));
  ::close(careless);
  CHECK(wait_for(child).text == "exited with 0");
  // 5 is the directory that ls reads.
  CHECK(list.text() == "0\n1\n2\n3\n4\n5\n");
  CHECK(second.text() == "four\n");
}

TEST_CASE("given descriptors may stand anywhere, at each other's places too") {
  const Output first, second;
  std::array<int, 2> saved{::fcntl(3, F_DUPFD_CLOEXEC, 100), ::fcntl(4, F_DUPFD_CLOEXEC, 100)};
  const int a = ::fcntl(first.fd(), F_DUPFD_CLOEXEC, 50);
  const int b = ::fcntl(second.fd(), F_DUPFD_CLOEXEC, 50);
  REQUIRE(::dup3(b, 3, O_CLOEXEC) == 3);
  REQUIRE(::dup3(a, 4, O_CLOEXEC) == 4);
  Child child = pool::launch(shell("echo one >&3; echo two >&4", {4, 3}));
  for (int at = 0; at != 2; ++at) {
    const auto index = static_cast<std::size_t>(at);
    if (saved[index] >= 0) {
      ::dup3(saved[index], 3 + at, O_CLOEXEC);
      ::close(saved[index]);
    } else {
      ::close(3 + at);
    }
  }
  CHECK(wait_for(child).text == "exited with 0");
  std::ifstream one("/proc/self/fd/" + std::to_string(a)),
      two("/proc/self/fd/" + std::to_string(b));
  std::string word;
  CHECK((one >> word && word == "one"));
  CHECK((two >> word && word == "two"));
  ::close(a);
  ::close(b);
}

TEST_CASE("a child ignores the stop signals, has none blocked, and a group of its own") {
  sigset_t usr1, before;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  REQUIRE(::sigprocmask(SIG_BLOCK, &usr1, &before) == 0);
  const Output output;
  // Built-in commands only: a shell that starts a program blocks signals until that has begun, and the
  // program may look at the shell before.
  Child child = pool::launch(shell(R"(
      while read -r line; do
        case $line in SigBlk*|SigIgn*) echo "$line" >&3 ;; esac
      done < /proc/$$/status
      read -r pid name state parent group rest < /proc/$$/stat
      echo "$pid $group" >&3
      for s in INT TERM HUP USR1 USR2; do kill -$s $$; done
      echo alive >&3)",
                                   {output.fd()}));
  REQUIRE(::sigprocmask(SIG_SETMASK, &before, nullptr) == 0);
  CHECK(wait_for(child).text == "exited with 0");
  // Bit n-1 is signal n: HUP 1, INT 2, USR1 10, USR2 12, TERM 15.
  const auto pid = std::to_string(child.pid());
  CHECK(output.text() ==
        "SigBlk:\t0000000000000000\nSigIgn:\t0000000000004a03\n" + pid + " " + pid + "\nalive\n");
}

TEST_CASE("a command has a stdin, a stdout and an environment of its own, and heeds signals") {
  const Output input, output;
  REQUIRE(::write(input.fd(), "question", 8) == 8);
  REQUIRE(::lseek(input.fd(), 0, SEEK_SET) == 0);
  Command command = shell("cat; echo \" $NAME\"; ls /proc/self/fd; kill -TERM $$; echo alive");
  command.standard_input = input.fd();
  command.standard_output = output.fd();
  command.environment = {"NAME=value", "PATH=/bin:/usr/bin"};
  command.heeds_signals = true;
  Child child = pool::launch(command);
  CHECK(wait_for(child).text == "was killed by SIGTERM");
  CHECK(output.text() == "question value\n0\n1\n2\n3\n");  // 3 is the directory that ls reads
}

TEST_CASE("a signal to its group reaches what it has started") {
  std::array<int, 2> told{};
  REQUIRE(::pipe2(told.data(), O_CLOEXEC) == 0);
  Command command = shell("sleep 60 & echo $! >&3; wait", {told[1]});
  command.heeds_signals = true;
  Child child = pool::launch(command);
  ::close(told[1]);
  std::array<char, 20> text{};
  REQUIRE(::read(told[0], text.data(), text.size() - 1) > 0);
  CHECK(child.signal_group(SIGTERM));
  CHECK(wait_for(child).text == "was killed by SIGTERM");
  CHECK(::read(told[0], text.data(), text.size()) == 0);  // nobody has the pipe open any more
  ::close(told[0]);
}

TEST_CASE("a signal while a child is started does not harm it") {
  // Without SA_RESTART, as often as can be.
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {};
  REQUIRE(::sigaction(SIGALRM, &action, &before) == 0);
  const itimerval often{{0, 200}, {0, 200}}, never{};
  REQUIRE(::setitimer(ITIMER_REAL, &often, nullptr) == 0);
  for (int i = 0; i != 20; ++i) {
    Child child = pool::launch(shell("exit 0"));
    pollfd poll{child.pidfd(), POLLIN, 0};
    while (::poll(&poll, 1, -1) != 1) {
    }
    CHECK(child.reap()->text == "exited with 0");
  }
  REQUIRE(::setitimer(ITIMER_REAL, &never, nullptr) == 0);
  REQUIRE(::sigaction(SIGALRM, &before, nullptr) == 0);
}

TEST_CASE("how a child ended is told") {
  Child ok = pool::launch(shell("exit 0"));
  const auto good = wait_for(ok);
  CHECK(good.text == "exited with 0");
  CHECK_FALSE(good.is_failure());

  Child failed = pool::launch(shell("exit 7"));
  const auto bad = wait_for(failed);
  CHECK(bad.text == "exited with 7");
  CHECK(bad.is_failure());

  Child killed = pool::launch(shell("kill -SEGV $$"));
  const auto crash = wait_for(killed);
  CHECK(crash.text == "was killed by SIGSEGV");
  CHECK((crash.by_signal && crash.number == SIGSEGV));
}

TEST_CASE("a program that cannot be executed says why") {
  Child child = pool::launch({"/nonexistent/worker"});
  CHECK(wait_for(child).text == "could not be started: No such file or directory");
  Child directory = pool::launch({"/tmp"});
  CHECK(wait_for(directory).text == "could not be started: Permission denied");
}

TEST_CASE("a script without its first line is run by /bin/sh") {
  const Output script, output;
  const std::string text = "echo \"$0 $1\"; exit 4\n";
  REQUIRE(::write(script.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const std::string path =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(script.fd());
  Command command{path, {"word"}};
  command.standard_output = output.fd();
  Child child = pool::launch(command);
  CHECK(wait_for(child).text == "exited with 4");
  CHECK(output.text() == path + " word\n");
}

TEST_CASE("a child that is ended now leaves no zombie") {
  Child child = pool::launch({"/bin/sleep", {"60"}});
  child.end_now();
  CHECK_FALSE(lives(child.pid()));
}

TEST_CASE("a child that lives is not reaped, and a reaped one cannot be signalled") {
  Child child = pool::launch({"/bin/sleep", {"60"}});
  CHECK_FALSE(child.reap());
  CHECK(child.describe().rfind("state ", 0) == 0);
  CHECK(child.signal(SIGKILL));
  CHECK(wait_for(child).text == "was killed by SIGKILL");
  CHECK_FALSE(child.signal(SIGKILL));
}

TEST_CASE("a child dies with its master, stopped or not") {
  std::array<int, 2> told{};
  REQUIRE(::pipe2(told.data(), O_CLOEXEC) == 0);
  const pid_t master = ::fork();
  REQUIRE(master >= 0);
  if (master == 0) {
    // Doctest must not run on in here.
    const Child running = pool::launch({"/bin/sleep", {"60"}});
    const Child stopped = pool::launch({"/bin/sleep", {"60"}});
    stopped.signal(SIGSTOP);
    const std::array<pid_t, 2> pids{running.pid(), stopped.pid()};
    if (::write(told[1], pids.data(), sizeof pids) != sizeof pids) ::_exit(1);
    for (;;) ::pause();
  }
  std::array<pid_t, 2> pids{};
  const auto got = ::read(told[0], pids.data(), sizeof pids);
  ::kill(master, SIGKILL);
  ::waitpid(master, nullptr, 0);
  ::close(told[0]);
  ::close(told[1]);
  REQUIRE(got == sizeof pids);
  CHECK(dies(pids[0]));
  CHECK(dies(pids[1]));
}

TEST_CASE("the count of processes killed for memory is read where there is one") {
  const auto count = pool::oom_kills();
  if (count) CHECK(*pool::oom_kills() >= *count);
}

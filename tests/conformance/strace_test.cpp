// Sentence 7, system call by system call: sender and receiver are killed by strace(1) at every call
// that they make, also those the library's own observer does not see; and the proof that it sees all
// that concern the objects.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/conformance/disturbed.hpp"
#include "tests/conformance/scripts.hpp"
#include "tests/support/pace.hpp"

namespace conformance {
namespace {

struct LongCase : Case {
  LongCase() : Case(240s) { ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1); }  // it cannot be traced
  ~LongCase() { ::unsetenv("ASAN_OPTIONS"); }
};

std::vector<std::string> command(std::vector<std::string> strace,
                                 const std::vector<std::string>& script) {
  strace.insert(strace.begin(), {"strace", "-qq"});
  strace.push_back(CALL_SCRIPT);
  strace.insert(strace.end(), script.begin(), script.end());
  return strace;
}

std::vector<std::string> send_script(const std::string& address, std::uint32_t author) {
  return {"send", std::string(kind().name), address, std::to_string(author)};
}

std::vector<std::string> receive_script() {
  return {"receive", std::string(kind().name), kind().traits.named ? "name" : ""};
}

// Runs a program to its end, giving its first line of output to `listens` as soon as it is there.
int run_receiver(const std::vector<std::string>& words, const Listens& listens,
                 std::string* rest = nullptr) {
  int ends[2];
  expect(::pipe2(ends, O_CLOEXEC) == 0, "pipe2");
  Child program = Child::exec(words, ends[1]);
  ::close(ends[1]);
  std::string output;
  bool said = false;
  char room[4096];
  for (ssize_t count; (count = ::read(ends[0], room, sizeof room)) > 0;) {
    output.append(room, static_cast<std::size_t>(count));
    if (const auto end = output.find('\n'); end != std::string::npos && !said) {
      said = true;
      listens(output.substr(0, end));
      output.erase(0, end + 1);
    }
  }
  ::close(ends[0]);
  if (rest) *rest = output;
  return program.wait();
}

// One line of strace's output.
struct Line {
  std::string name;
  std::string text;
};

// What was called between the two markers, and how often each call before the first.
struct Trace {
  std::vector<Line> script;
  std::map<std::string, std::uint32_t> before;
};

Trace read_trace(const std::string& path) {
  Trace trace;
  int markers = 0;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto name = line.substr(0, line.find('('));
    if (name.empty() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") != std::string::npos)
      continue;  // a signal, an exit
    if (name == "getppid") {
      ++markers;
    } else if (markers == 0) {
      ++trace.before[name];
    } else if (markers == 1) {
      trace.script.push_back({name, line});
    }
  }
  REQUIRE(markers == 2);
  ::unlink(path.c_str());
  return trace;
}

// The n-th invocation of one system call, as strace counts: each call by itself.
struct Point {
  std::string call;
  std::uint32_t when;
};

// All points of the script in the order of their first run; every so many of them in a short test.
std::vector<Point> points_of(const Trace& trace) {
  auto counts = trace.before;
  std::vector<Point> all;
  for (const auto& line : trace.script) all.push_back({line.name, ++counts[line.name]});
  const std::size_t most = test::is_long() ? all.size() : 48;
  const auto stride = (all.size() + most - 1) / most;
  std::vector<Point> chosen;
  for (std::size_t i = 0; i < all.size(); i += stride) chosen.push_back(all[i]);
  return chosen;
}

// strace's options to kill at a point; beyond the last, to kill nowhere.
std::vector<std::string> kill_at(const std::vector<Point>& points, std::uint32_t number) {
  if (number > points.size()) return {"-o", "/dev/null", "-e", "trace=getppid"};
  const auto& [call, when] = points[number - 1];
  return {"-o", "/dev/null",
          "-e", "trace=" + call,
          "-e", "inject=" + call + ":signal=KILL:when=" + std::to_string(when)};
}

// strace ends as its tracee did; whoever started it passes that on.
int passed_on(int status) {
  if (status == -SIGKILL) ::raise(SIGKILL);
  return status;
}

Trace trace_of_sender(const Case& place, ipc::Receiver& receiver,
                      const std::vector<std::string>& options,
                      const std::vector<std::string>& more = {}, std::string* output = nullptr) {
  const auto log = place.directory() + "-trace";
  auto words = options;
  words.insert(words.end(), {"-o", log});
  auto script = send_script(receiver.address(), 1);
  script.insert(script.end(), more.begin(), more.end());
  Shared<test::SharedText> unused;
  const auto seen = log + "-seen";
  Child other = Child::run([&] {
    const int out = ::open(seen.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return Child::exec(command(words, script), out).wait();
  });
  Ears ears(receiver);
  std::size_t messages = 0;
  CHECK(ears.next_end(&messages).status == Status::closed);
  CHECK(messages == kScriptMessages);
  CHECK(other.wait() == kUntouched);
  if (output) {
    std::ifstream file(seen);
    output->assign(std::istreambuf_iterator<char>(file), {});
  }
  ::unlink(seen.c_str());
  return read_trace(log);
}

Trace trace_of_receiver(const Case& place, const std::vector<std::string>& options,
                        const std::vector<std::string>& more = {}, std::string* output = nullptr) {
  const auto log = place.directory() + "-trace";
  auto words = options;
  words.insert(words.end(), {"-o", log});
  auto script = receive_script();
  script.insert(script.end(), more.begin(), more.end());
  Child partner;
  const auto status = run_receiver(
      command(words, script),
      [&](const std::string& address) {
        partner = sender(address, [](ipc::Sender& out) {
          while (out.send(message(1, 0, 20'000)) == Status::ok) {
          }
          return 0;
        });
      },
      output);
  CHECK(status == kUntouched);
  CHECK(partner.wait() == 0);
  if (kind().traits.durable) kind().remove("name");  // with what the partner had sent too much
  return read_trace(log);
}

TEST_CASE_FIXTURE(LongCase, "a sender killed at any system call harms nobody and is told") {
  const auto receiver = listen();
  const auto points = points_of(trace_of_sender(*this, *receiver, {}));
  CHECK(points.size() > 20);
  const auto address = receiver->address();
  (void)check_senders(
      *receiver,
      [&](std::uint32_t number) {
        return Child::run([&, number] {
          auto program =
              Child::exec(command(kill_at(points, number), send_script(address, number)));
          return passed_on(program.wait());
        });
      },
      Disturbance::kills);
  MESSAGE("killed at " << points.size() << " system calls");
}

TEST_CASE_FIXTURE(LongCase, "a receiver killed at any system call leaves a name that works") {
  const auto points = points_of(trace_of_receiver(*this, {}));
  CHECK(points.size() > 10);
  (void)check_receivers(
      directory(),
      [&](std::uint32_t number, const Listens& listens) {
        return passed_on(run_receiver(command(kill_at(points, number), receive_script()), listens));
      },
      Disturbance::kills);
  MESSAGE("killed at " << points.size() << " system calls");
}

std::string first_argument(const Line& line) {
  const auto begin = line.text.find('(') + 1;
  return line.text.substr(begin, line.text.find_first_of(",)", begin) - begin);
}

std::string result_of(const Line& line) {
  const auto at = line.text.rfind("= ");
  return line.text.substr(at + 2, line.text.find(' ', at + 2) - at - 2);
}

// What another library does to objects that are its own: the queues of boost-mq, files of /dev/shm
// named ipc.TOKEN.SLOT.GENERATION, from when it opens one until it is unmapped. That --explain says
// when that happens is tested in tests/cli/explain_test.py.
class Borrowed {
 public:
  bool has(const Line& line) {
    static const std::regex queue("\"/dev/shm/ipc\\.[0-9a-f]{16}\\.[0-9]+\\.[0-9]+(\\.new)?\"");
    if (line.name == "openat" && std::regex_search(line.text, queue)) {
      descriptors_.insert(result_of(line));
      return true;
    }
    if (line.name == "mmap") return maps(line);
    if (line.name == "munmap") return memory_.erase(std::strtoull(address(line), nullptr, 16)) != 0;
    if (line.name == "futex") return is_in_memory(std::strtoull(address(line), nullptr, 16));
    const bool known = descriptors_.contains(first_argument(line));
    if (known && line.name == "close") descriptors_.erase(first_argument(line));
    return known;
  }

 private:
  static const char* address(const Line& line) {
    return line.text.c_str() + line.text.find('(') + 1;
  }

  bool maps(const Line& line) {
    static const std::regex arguments(
        "mmap\\(NULL, ([0-9]+), [A-Z_|]+, MAP_SHARED, ([0-9]+), 0\\)");
    std::smatch found;
    if (!std::regex_search(line.text, found, arguments) || !descriptors_.contains(found[2]))
      return false;
    memory_[std::strtoull(result_of(line).c_str(), nullptr, 16)] = std::stoull(found[1]);
    return true;
  }

  bool is_in_memory(std::uint64_t address) const {
    const auto after = memory_.upper_bound(address);
    return after != memory_.begin() && address < std::prev(after)->first + std::prev(after)->second;
  }

  std::set<std::string> descriptors_;
  std::map<std::uint64_t, std::uint64_t> memory_;  // size by address
};

// What is no business of the objects: memory, who we are, looking around in /proc, and
// the poll(2) of the script itself.
class Elsewhere {
 public:
  bool has(const Line& line) {
    static const std::set<std::string> always{
        "poll",    "brk",     "mprotect", "mremap", "getrandom",       "getpid",
        "geteuid", "getegid", "getuid",   "getcwd", "clock_nanosleep", "prlimit64"};
    if (always.contains(line.name)) return true;
    // The C library blocks all signals for a moment now and then; a kind blocks its own.
    if (line.name == "rt_sigprocmask") return !contains(line.text, "[RT_");
    if (line.name == "futex" && contains(line.text, "_PRIVATE")) return true;
    // Memory of the allocator's; addresses that are only reserved (PROT_NONE) are the library's.
    if (contains(line.text, "MAP_ANONYMOUS") && !contains(line.text, "PROT_NONE")) {
      memory_.insert(result_of(line));
      return true;
    }
    if (line.name == "munmap") return memory_.contains(first_argument(line));
    if (line.name == "openat" &&
        (contains(line.text, "\"/proc/self/stat\"") || contains(line.text, "\"/proc/sys/") ||
         contains(line.text, "\"/dev/urandom\""))) {
      descriptors_.insert(result_of(line));
      return true;
    }
    if (line.name == "write" && first_argument(line) == "1")
      return true;  // the script says its address
    if (line.name == "newfstatat" && !contains(line.text, "/.") && contains(line.text, ", 0)"))
      return true;
    const bool known = descriptors_.contains(first_argument(line));
    if (known && line.name == "close") descriptors_.erase(first_argument(line));
    return known;
  }

 private:
  std::set<std::string> descriptors_;
  std::set<std::string> memory_;
};

void check_same(const Trace& trace, const std::string& observed) {
  std::vector<std::string> seen;
  std::istringstream lines(observed);
  for (std::string name; std::getline(lines, name);) seen.push_back(name);
  CHECK(seen.size() > 15);
  Elsewhere elsewhere;
  Borrowed borrowed;
  std::size_t next = 0;
  for (const auto& line : trace.script) {
    if (elsewhere.has(line) || borrowed.has(line)) continue;
    CAPTURE(line.text);
    REQUIRE(next < seen.size());
    REQUIRE(seen[next] == line.name);
    ++next;
  }
  CHECK(next == seen.size());
}

// Not under a sanitizer, which makes calls of its own: it writes to a pipe to learn whether memory can be
// read.
TEST_CASE_FIXTURE(LongCase, "the observer sees every system call on the objects, in order" *
                                doctest::skip(test::is_sanitized)) {
  std::string observed;
  SUBCASE("of a sender") {
    const auto receiver = listen();
    const auto trace = trace_of_sender(*this, *receiver, {}, {"observe"}, &observed);
    check_same(trace, observed);
  }
  SUBCASE("of a receiver") {
    const auto trace = trace_of_receiver(*this, {}, {"observe"}, &observed);
    check_same(trace, observed);
  }
}

}  // namespace
}  // namespace conformance

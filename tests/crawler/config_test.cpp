#include "tools/crawler/config.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include <doctest/doctest.h>

using crawler::Config;
using crawler::ConfigError;
using crawler::load_config;
using namespace std::chrono_literals;

namespace {

/// A configuration file that is removed with it.
class File {
 public:
  explicit File(const std::string& content) {
    const int fd = ::mkstemp(path_.data());
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    ::close(fd);
  }
  ~File() { ::unlink(path_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/config-test-XXXXXX";
};

/// What is wrong with a file of this content, without its path; "" if nothing.
std::string problem_of(const std::string& content) {
  const File file(content);
  try {
    (void)load_config({file.path(), {}});
    return "";
  } catch (const ConfigError& error) {
    const std::string what = error.what();
    return what.rfind(file.path(), 0) == 0 ? what.substr(file.path().size()) : what;
  }
}

std::string problem_of_override(const std::string& key, const std::string& value) {
  try {
    (void)load_config({{}, {{key, value}}});
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

std::string everything(const Config& config) {
  std::string all;
  for (const auto& row : crawler::config_table())
    all += std::string(row.key) + "=" + setting_text(config, row) + "\n";
  for (const auto& row : crawler::limits_table())
    all += std::string(row.key) + "=" + setting_text(config.limits, row) + "\n";
  return all;
}

const std::string example = EXAMPLE_CONFIG;

}  // namespace

TEST_CASE("the example names every setting, with its default") {
  CHECK(everything(load_config({example, {}})) == everything(Config{}));
  std::ifstream file(example);
  std::set<std::string> named;
  for (std::string line; std::getline(file, line);) named.insert(line.substr(0, line.find(' ')));
  for (const auto& row : crawler::config_table()) CHECK(named.contains(std::string(row.key)));
  for (const auto& row : crawler::limits_table()) CHECK(named.contains(std::string(row.key)));
}

TEST_CASE("the file beats the defaults, the command line beats the file") {
  const File file(
      "workers = 7\ngrace = 2.5\ntransport = \"fifo\"\n"
      "[limits]\nslots = 3\nallow_hosts = [\"127.0.0.1:80\", \"[::1]:81\"]\nprivate_addresses = "
      "false\n");
  const Config config = load_config({file.path(), {{"workers", "2"}, {"total_time", "4"}}});
  CHECK(config.workers == 2);
  CHECK(config.grace == 2500ms);
  CHECK(config.limits.slots == 3);
  CHECK(config.limits.total_time == 4s);
  CHECK(config.limits.allow_hosts == std::vector<std::string>{"127.0.0.1:80", "[::1]:81"});
  CHECK_FALSE(config.limits.private_addresses);
}

TEST_CASE("an unknown key, a wrong type or value is refused with its line") {
  CHECK(problem_of("\n\nworker_count = 3\n") == ":3: worker_count is no setting");
  CHECK(problem_of("workers = 1\n[limits]\nslots = 3\nspeed = 3\n") == ":4: speed is no setting");
  CHECK(problem_of("[limit]\nslots = 3\n") == ":1: limit is no setting");
  CHECK(problem_of("limits = 3\n") == ":1: limits is no setting");
  CHECK(problem_of("workers = \"4\"\n") == ":1: workers must be a whole number");
  CHECK(problem_of("workers = 4.0\n") == ":1: workers must be a whole number");
  CHECK(problem_of("workers = 0\n") == ":1: workers must be from 1 to 1024");
  CHECK(problem_of("workers = -1\n") == ":1: workers must be a whole number");
  CHECK(problem_of("grace = \"10\"\n") == ":1: grace must be a number of seconds");
  CHECK(problem_of("grace = inf\n") == ":1: grace must be a number of seconds");
  CHECK(problem_of("# first\ngrace = 9999999\n") == ":2: grace must be from 0 to 3600 seconds");
  CHECK(problem_of("transport = fifo\n").rfind(":1: ", 0) == 0);
  CHECK(problem_of("transport = 3\n") == ":1: transport must be a string in quotes");
  CHECK(problem_of("[limits]\nprivate_addresses = 1\n") ==
        ":2: private_addresses must be true or false");
  CHECK(problem_of("[limits]\nallow_hosts = \"a:1\"\n") ==
        ":2: allow_hosts must be a list of strings");
  CHECK(problem_of("[limits]\nallow_hosts = [\"a:1,b:2\"]\n") ==
        ":2: allow_hosts must be a list of strings without commas");
  CHECK(problem_of("[limits]\nuser_agent = \"x\\r\\nHost: y\"\n") ==
        ":2: user_agent must not have control characters");
  CHECK(problem_of("workers = 4\nworkers = 5\n").rfind(":2: ", 0) == 0);
  CHECK(problem_of("workers 4\n").rfind(":1: ", 0) == 0);
}

TEST_CASE("a wrong value on the command line names its option") {
  CHECK(problem_of_override("workers", "many") == "--workers must be a whole number");
  CHECK(problem_of_override("max_text", "0") == "--max-text must be from 1 to 15728640");
  CHECK(problem_of_override("grace", "") == "--grace must be a number of seconds");
  CHECK(problem_of_override("speed", "1") == "--speed is no setting");
}

TEST_CASE("an unknown transport is refused with the known ones") {
  const auto problem = problem_of("transport = \"pigeon\"\n");
  CHECK(problem.rfind("transport \"pigeon\" is unknown; known are ", 0) == 0);
  CHECK(problem.find("fifo") != std::string::npos);
}

TEST_CASE("more workers than the transport has room for are refused") {
  CHECK(problem_of("transport = \"fifo\"\nworkers = 65\n") == "");
  CHECK(problem_of("transport = \"pipe\"\nworkers = 64\n") == "");
  CHECK(problem_of("transport = \"pipe\"\nworkers = 65\n") ==
        "workers must be at most 64 over pipe, which has room for so many senders");
}

TEST_CASE("a file that cannot be read says why") {
  const auto refused = [](const std::string& path) {
    try {
      (void)load_config({path, {}});
      return std::string();
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
  };
  CHECK(refused("/nonexistent/x.toml") ==
        "configuration /nonexistent/x.toml: No such file or directory");
  CHECK(refused("/tmp") == "configuration /tmp: Is a directory");
}

TEST_CASE("only loopback is listened on, and then private addresses are refused by default") {
  CHECK(crawler::parse_endpoint("127.0.0.1:8080").port == 8080);
  CHECK(crawler::parse_endpoint("localhost:0").host == "127.0.0.1");
  CHECK(crawler::parse_endpoint("[::1]:80").host == "::1");
  for (const auto* wrong : {"0.0.0.0:80", "example.org:80", "127.0.0.1", "127.0.0.1:", ":80",
                            "127.0.0.1:65536", "127.0.0.1:8x", "127.0.0.1:-1"})
    CHECK_THROWS_AS((void)crawler::parse_endpoint(wrong), ConfigError);

  CHECK(load_config({}).limits.private_addresses);
  CHECK_FALSE(load_config({{}, {{"listen", "[::1]:0"}}}).limits.private_addresses);
  CHECK(load_config({{}, {{"listen", "[::1]:0"}, {"private_addresses", "true"}}})
            .limits.private_addresses);
}

TEST_CASE("the time after which a worker hangs leaves room for all that may wait in it") {
  Config config;
  config.limits.slots = 16;
  config.limits.per_host = 6;
  config.limits.total_time = 30s;
  CHECK(config.effective_task_time() == 120s);
  CHECK(problem_of("task_time = 20\n")
            .rfind("task_time must be longer than total_time, 30 seconds", 0) == 0);
  CHECK(load_config({{}, {{"task_time", "31.5"}}}).effective_task_time() == 31500ms);
}

#include "tests/crawler/daemon_under_test.hpp"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

namespace support {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr auto patience = 10s;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace

PrivateDirectory::PrivateDirectory(const std::string& parent)
    : path_(parent + "/crawlerd-test-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
}

PrivateDirectory::~PrivateDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

DaemonUnderTest::DaemonUnderTest(const std::vector<std::string>& arguments, const Manner& manner)
    : directory_(manner.directory.value_or(own_directory_.path())) {
  const std::string script =
      "IPC_DIR=\"$0\" exec " + manner.prefix + " " + "\"$@\" > \"$0/out\" 2> \"$0/log\"";
  pool::Command command{
      "/bin/sh", {"-c", script, directory(), CRAWLERD_PROGRAM}, manner.descriptors};
  const auto add = [&](const char* option, const std::string& value) {
    const auto names_it = [&](const std::string& each) {
      return each.rfind(option + "="s, 0) == 0;
    };
    if (std::none_of(arguments.begin(), arguments.end(), names_it))
      command.arguments.push_back(std::string(option) + "=" + value);
  };
  add("--socket", socket());
  add("--worker", FAKE_WORKER_PROGRAM);
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  child_ = pool::launch(command);
  if (manner.wait_for_start && !logs("crawlerd " + std::to_string(pid()) + ": "))
    throw std::runtime_error("crawlerd did not start: " + log());
}

DaemonUnderTest::~DaemonUnderTest() {
  if (reaped_) return;
  child_->signal(SIGKILL);
  pollfd ended{child_->pidfd(), POLLIN, 0};
  ::poll(&ended, 1, 10'000);
  (void)child_->reap();
}

Response DaemonUnderTest::ask(const std::string& method, const std::string& target,
                              const std::string& body) const {
  return client().ask(method, target, body);
}

boost::json::object DaemonUnderTest::status() const {
  return boost::json::parse(ask("GET", "/status").body).as_object();
}

std::vector<pid_t> DaemonUnderTest::workers() const {
  std::vector<pid_t> pids;
  const auto now = status();
  for (const auto& worker : now.at("workers").as_array())
    pids.push_back(worker.as_object().at("pid").to_number<pid_t>());
  return pids;
}

void DaemonUnderTest::wait_for_workers(std::size_t count) const {
  const auto are_there = [&] {
    std::size_t ready = 0;
    const auto now = status();
    for (const auto& worker : now.at("workers").as_array())
      ready += static_cast<std::size_t>(is_ready(worker));
    return ready == count;
  };
  if (!eventually(are_there, patience)) throw std::runtime_error("workers are missing: " + log());
}

std::vector<crawler::Outcome> DaemonUnderTest::crawl(const std::vector<std::string>& urls) const {
  std::string body;
  for (const std::string& url : urls) body += url + "\n";
  HttpClient connection = client();
  connection.request("POST", "/crawl", body);
  REQUIRE(connection.receive_head().status == 200);
  std::vector<crawler::Outcome> outcomes;
  for (std::string line; !(line = connection.line(true)).empty();) {
    auto outcome = crawler::read_line(line);
    REQUIRE_MESSAGE(outcome, outcome.problem);
    outcomes.push_back(std::move(*outcome.value));
  }
  return outcomes;
}

pool::Exit DaemonUnderTest::wait(std::chrono::milliseconds time) {
  pollfd ended{child_->pidfd(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(time.count())) != 1)
    throw std::runtime_error("crawlerd does not end: " + log());
  reaped_ = true;
  return *child_->reap();
}

void DaemonUnderTest::stop_with(std::uint64_t downloaded, std::uint64_t failed,
                                std::uint64_t pending) {
  signal(SIGUSR1);
  const auto exit = wait();
  INFO(log());
  CHECK(exit.text == "exited with 0");
  CHECK(out() == "Downloaded URLs: " + std::to_string(downloaded) + " (" + std::to_string(failed) +
                     " failed, " + std::to_string(pending) + " pending)\n");
  CHECK(leftovers().empty());
}

std::string DaemonUnderTest::out() const {
  return content_of(directory() + "/out");
}
std::string DaemonUnderTest::log() const {
  return content_of(directory() + "/log");
}

bool DaemonUnderTest::logs(const std::string& text) const {
  return eventually([&] { return log().find(text) != std::string::npos; }, patience);
}

std::vector<std::string> DaemonUnderTest::leftovers() const {
  std::vector<std::string> left;
  for (const auto& entry : fs::recursive_directory_iterator(directory())) {
    const std::string name = entry.path().filename();
    if (name != "out" && name != "log") left.push_back(entry.path());
  }
  return left;
}

bool is_ready(const boost::json::value& worker) {
  return worker.at("state") == "idle" || worker.at("state") == "working";
}

bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const auto paren = stat.rfind(')');
  return paren != std::string::npos && stat.substr(paren + 2, 1) != "Z";
}

void sleep_briefly() {
  std::this_thread::sleep_for(5ms);
}

}  // namespace support

// A crawlerd in a directory of its own, that never outlives the test.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "tests/crawler/http_client.hpp"
#include "tools/crawler/protocol.hpp"
#include "tools/pool/supervisor_launcher.hpp"

namespace support {

/// A directory that is removed with all that is in it.
class PrivateDirectory {
 public:
  explicit PrivateDirectory(const std::string& parent = "/tmp");
  ~PrivateDirectory();
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class DaemonUnderTest {
 public:
  /// Starts it, with fake workers unless `arguments` name others, and waits for its first line.
  struct Manner {
    std::string prefix{};            ///< Put before its command, such as "env FAKE_WORKER=die".
    std::vector<int> descriptors{};  ///< 3, 4, … in it.
    bool wait_for_start = true;
    std::optional<std::string> directory{};  ///< One that lives longer than this.
  };
  explicit DaemonUnderTest(const std::vector<std::string>& arguments, const Manner& manner);
  explicit DaemonUnderTest(const std::vector<std::string>& arguments = {})
      : DaemonUnderTest(arguments, Manner()) {}
  /// Kills it if it has not ended.
  ~DaemonUnderTest();
  DaemonUnderTest(const DaemonUnderTest&) = delete;
  DaemonUnderTest& operator=(const DaemonUnderTest&) = delete;

  const std::string& directory() const { return directory_; }
  std::string socket() const { return directory() + "/socket"; }
  HttpClient client() const { return HttpClient(socket()); }
  Response ask(const std::string& method, const std::string& target,
               const std::string& body = "") const;
  boost::json::object status() const;
  /// The pids of its workers, by slot.
  std::vector<pid_t> workers() const;
  /// Waits until so many workers have said hello.
  void wait_for_workers(std::size_t count) const;
  /// Asks for these URLs and waits for all lines.
  std::vector<crawler::Outcome> crawl(const std::vector<std::string>& urls) const;

  pid_t pid() const { return child_->pid(); }
  void signal(int number) const { child_->signal(number); }
  /// How it ended; fails the test if it does not in time.
  pool::Exit wait(std::chrono::milliseconds patience = std::chrono::seconds(20));
  /// Stops it by SIGUSR1 and checks that it ends with 0 and says so many were downloaded.
  void stop_with(std::uint64_t downloaded, std::uint64_t failed = 0, std::uint64_t pending = 0);

  std::string out() const;
  std::string log() const;
  /// Waits until the log has this text; false if it does not come within ten seconds.
  bool logs(const std::string& text) const;
  /// Everything in its directory but the files of out() and log().
  std::vector<std::string> leftovers() const;

 private:
  PrivateDirectory own_directory_;
  std::string directory_;
  std::optional<pool::Child> child_;
  bool reaped_ = false;
};

/// Whether a worker of a status has said hello and is not about to end.
bool is_ready(const boost::json::value& worker);
bool is_alive(pid_t pid);  ///< A zombie is not.
void sleep_briefly();

/// Whether it becomes true within the time; asked each 5 ms.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    sleep_briefly();
  }
  return true;
}

}  // namespace support

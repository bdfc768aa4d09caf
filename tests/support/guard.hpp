// What every test case must leave as it found it.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace test {

/// A fixture: TEST_CASE_FIXTURE(test::Guard, "..."). Gives the case a private directory for its
/// names ($IPC_DIR) and a time limit, and fails it if afterwards there are more descriptors,
/// children, objects in /dev/shm, message queues or System V objects than before, or if anything,
/// hidden files included, is left in the private directory.
class Guard {
 public:
  explicit Guard(std::chrono::seconds limit = std::chrono::seconds(60));
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard();

  const std::string& directory() const { return directory_; }
  /// The private directory's entries, sorted.
  std::vector<std::string> entries() const;

 private:
  std::string directory_;
  std::set<std::string> descriptors_;
  std::set<std::string> objects_;
};

/// Gives this process and its children a /dev/shm, message queues and System V objects of their own,
/// if it may (root may): what others make meanwhile is then no false alarm. To be called by main.
void take_own_objects();

/// Whether the long forms of tests are wanted ($IPC_TEST_LONG).
bool is_long();

/// The open descriptors of this process: "3 -> /tmp/x", ...
std::set<std::string> open_descriptors();

}  // namespace test

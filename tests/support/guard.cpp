#include "tests/support/guard.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include <doctest/doctest.h>

#include "tests/support/pace.hpp"

namespace test {
namespace {

namespace fs = std::filesystem;

constexpr auto kSharedMemory = "/dev/shm";
constexpr auto kPrivateQueues = "/dev/shm/.mqueue";
bool has_own_objects = false;

// Objects of this user that have no place in the private directory.
std::set<std::string> global_objects() {
  std::set<std::string> all;
  for (const auto* place : {kSharedMemory, has_own_objects ? kPrivateQueues : "/dev/mqueue"}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(place, missing)) {
      struct stat about {};
      if (::lstat(entry.path().c_str(), &about) == 0 && about.st_uid == ::geteuid())
        all.insert(entry.path().string());
    }
  }
  for (const auto* table : {"shm", "msg", "sem"}) {
    std::ifstream lines(std::string("/proc/sysvipc/") + table);
    std::string line;
    std::getline(lines, line);  // the headings
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      std::string key;
      std::string id;
      fields >> key >> id;
      all.insert(std::string("System V ") + table + " " + id);
    }
  }
  return all;
}

// What is in `now` and not in `before`, one a line.
std::string added(const std::set<std::string>& before, const std::set<std::string>& now) {
  std::string lines;
  for (const auto& item : now)
    if (!before.contains(item)) lines += "\n  " + item;
  return lines;
}

// If we share these places, other programs have such objects for a while; ours would stay.
std::string objects_that_stay(const std::set<std::string>& before) {
  std::string lines;
  for (int tries = 0; tries < 30; ++tries) {
    lines = added(before, global_objects());
    if (lines.empty() || has_own_objects) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return lines;
}

extern "C" void out_of_time(int) {
  const char* name = doctest::getContextOptions()->currentTest->m_name;
  for (const char* piece : {"\nwatchdog: \"", name, "\" has overrun its time limit\n"})
    (void)!::write(2, piece, std::strlen(piece));
  ::_exit(3);  // not through doctest, whose own handler is not safe here; children die with us
}

}  // namespace

std::set<std::string> open_descriptors() {
  std::set<std::string> all;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = fs::read_symlink(entry.path(), gone).string();
    if (!gone && target.find("/fd") == std::string::npos)  // the listing's own descriptor
      all.insert(entry.path().filename().string() + " -> " + target);
  }
  return all;
}

void take_own_objects() {
  if (has_own_objects || ::unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0) return;
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", kSharedMemory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") != 0 ||
      ::mkdir(kPrivateQueues, 0700) != 0 ||
      ::mount("mqueue", kPrivateQueues, "mqueue", 0, nullptr) != 0)
    throw std::system_error(errno, std::generic_category(), "own objects");
  has_own_objects = true;
}

Guard::Guard(std::chrono::seconds limit) {
  std::string pattern = (fs::temp_directory_path() / "ipcways-test-XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  directory_ = pattern;
  ::setenv("IPC_DIR", directory_.c_str(), 1);
  descriptors_ = open_descriptors();
  objects_ = global_objects();
  std::signal(SIGALRM, out_of_time);
  ::alarm(static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(allowed(limit)).count()));
}

Guard::~Guard() {
  ::alarm(0);
  CHECK_MESSAGE(added(descriptors_, open_descriptors()).empty(),
                "descriptors are left open:", added(descriptors_, open_descriptors()));
  const pid_t child = ::waitpid(-1, nullptr, WNOHANG);
  CHECK_MESSAGE((child == -1 && errno == ECHILD), "children are left");
  const auto left = entries();
  std::string names;
  for (const auto& name : left) names += "\n  " + name;
  CHECK_MESSAGE(left.empty(), "left in the private directory:", names);
  const auto objects = objects_that_stay(objects_);
  CHECK_MESSAGE(objects.empty(), "objects are left:", objects);
  std::error_code ignored;  // what is left has been reported above
  fs::remove_all(directory_, ignored);
}

std::vector<std::string> Guard::entries() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory_))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_long() {
  const char* wanted = std::getenv("IPC_TEST_LONG");
  return wanted && std::strcmp(wanted, "0") != 0 && *wanted != '\0';
}

}  // namespace test

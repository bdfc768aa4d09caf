#include "tools/pool/run_directory.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ipc/kinds.hpp"
#include "ipc/sys/name.hpp"
#include "tools/pool/envelope.hpp"

namespace pool {
namespace fs = std::filesystem;
namespace {

constexpr const char* lock_name = "lock";
constexpr const char* transport_name = "transport";
constexpr std::string_view lease_suffix = ".lease";
// A daemon that lives has its lock long before.
constexpr std::chrono::minutes unlocked_for{1};
// A sweeper needs less to carry a directory away.
constexpr std::chrono::seconds locked_for{2};
constexpr std::string_view dead_suffix = ".dead";
// Workers die with their daemon, but not in the same moment. A process that was killed gives its locks
// back among the last things, and what watches a directory by inotify(7) takes milliseconds to end.
constexpr std::chrono::seconds dying_for{1};
constexpr std::chrono::milliseconds nap{5};

void make_directories(const std::string& runs, const std::string& path) {
  // Another daemon that ends removes `runs` if it is empty, perhaps just now.
  do {
    if (::mkdir(runs.c_str(), 0700) == -1 && errno != EEXIST)
      throw ipc::Error("mkdir", runs, errno);
    // One that is there is our own of the round before, which a sweeper carries away just now.
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return;
  } while (errno == ENOENT);
  throw ipc::Error("mkdir", path, errno);
}

/// Makes the directory and takes its lock. A sweeper that comes between the two takes it for a dead
/// daemon's and carries it away; then it is made again.
LockFile make_locked(const std::string& runs, const std::string& path) {
  const auto end = std::chrono::steady_clock::now() + locked_for;
  std::string holder;
  for (;;) {
    make_directories(runs, path);
    try {
      if (auto lock = LockFile::take(path + "/" + lock_name, holder)) return std::move(*lock);
    } catch (const ipc::Error& error) {
      if (error.code().value() != ENOENT) throw;
    }
    if (std::chrono::steady_clock::now() > end)
      throw ipc::Error(ipc::Trouble::in_use, EEXIST, path + ": held by pid " + holder);
    std::this_thread::sleep_for(nap);
  }
}

/// The kind that has objects there; null if it cannot be told, or is of another version.
const ipc::Kind* kind_of(const fs::path& directory) {
  std::ifstream file(directory / transport_name);
  std::string name;
  return file >> name ? ipc::kinds::find(name) : nullptr;
}

/// The addresses of inboxes there: beside NAME lies .NAME.lease.
std::vector<std::string> addresses_in(const fs::path& directory) {
  std::vector<std::string> addresses;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name.size() <= lease_suffix.size() + 1 || name.front() != '.' ||
        !name.ends_with(lease_suffix))
      continue;
    addresses.push_back(directory / name.substr(1, name.size() - 1 - lease_suffix.size()));
  }
  return addresses;
}

/// There is no event for "a lock is free" with a deadline, hence the naps.
void remove_when_dead(const ipc::Kind& kind, const std::string& address,
                      std::chrono::steady_clock::time_point end) {
  for (;;) {
    try {
      return kind.remove(address);
    } catch (const ipc::Error& error) {
      if (error.trouble() != ipc::Trouble::in_use || std::chrono::steady_clock::now() > end) throw;
    }
    std::this_thread::sleep_for(nap);
  }
}

void remove_objects(const fs::path& directory) {
  const ipc::Kind* kind = kind_of(directory);
  if (kind == nullptr || !kind->traits.named) return;
  const auto end = std::chrono::steady_clock::now() + dying_for;
  for (const std::string& address : addresses_in(directory)) remove_when_dead(*kind, address, end);
}

bool is_being_made(const fs::path& directory) {
  return !fs::exists(directory / lock_name) &&
         fs::file_time_type::clock::now() - fs::last_write_time(directory) < unlocked_for;
}

/// False if it lives.
bool sweep(const fs::path& directory) {
  if (is_being_made(directory)) return false;
  std::string holder;
  const auto lock = LockFile::take(directory / lock_name, holder);
  if (!lock) return false;
  remove_objects(directory);
  // Carried away as a whole first: whoever is just about to live here must not lose a part of it.
  const fs::path grave = directory.string() + std::string(dead_suffix);
  fs::rename(directory, grave);
  fs::remove_all(grave);
  return true;
}

}  // namespace

RunDirectory::RunDirectory(const std::string& runs, const std::string& name, const ipc::Kind& kind)
    : path_(runs + "/" + name) {
  ipc::sys::prepare_directory(ipc::sys::resolve(runs));
  lock_.emplace(make_locked(runs, path_));
  std::ofstream file(address(transport_name));
  file << kind.name << '\n';
  if (!file.flush()) throw ipc::Error("write", address(transport_name), EIO);
}

RunDirectory::~RunDirectory() {
  std::error_code error;
  // The lock goes with the rest. What cannot be removed now the next daemon sweeps.
  fs::remove_all(path_, error);
  fs::remove(fs::path(path_).parent_path(), error);  // refused while other daemons have theirs
}

std::vector<std::string> sweep_runs(const std::string& runs, std::vector<std::string>& problems) {
  std::vector<std::string> swept;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(runs, none)) {
    const std::string name = entry.path().filename();
    try {
      if (name.ends_with(dead_suffix)) fs::remove_all(entry.path());  // its sweeper was killed
      if (!parse_run(name)) continue;
      if (sweep(entry.path())) swept.push_back(name);
    } catch (const std::exception& error) {
      if (!fs::exists(entry.path(), none)) continue;  // its daemon, or another sweeper, was faster
      problems.push_back("cannot remove " + entry.path().string() + ": " + error.what());
    }
  }
  return swept;
}

}  // namespace pool

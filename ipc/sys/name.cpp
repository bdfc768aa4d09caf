#include "ipc/sys/name.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "ipc/sys/file.hpp"

namespace ipc::sys {
namespace {

constexpr std::size_t kLongestName = 200;  // NAME_MAX is 255; the rest is for ".NAME.lease.TOKEN"
constexpr std::string_view kFar = "ipc.";

std::string variable(const char* name) {
  // Read while addresses are resolved, on the caller's thread; a program that changes its
  // environment in another thread meanwhile is broken by POSIX.1-2017, getenv().
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value ? value : "";
}

std::vector<std::string> directories() {
  std::vector<std::string> all;
  if (const auto own = variable("IPC_DIR"); !own.empty()) all.push_back(own);
  if (const auto xdg = variable("XDG_RUNTIME_DIR"); !xdg.empty()) all.push_back(xdg + "/ipc");
  const auto uid = std::to_string(::geteuid());
  if (std::filesystem::is_directory("/run/user/" + uid)) all.push_back("/run/user/" + uid + "/ipc");
  all.push_back("/tmp/ipc-" + uid);
  return all;
}

bool is_token(std::string_view digits) {
  return std::ranges::all_of(
      digits, [](char digit) { return std::isxdigit(static_cast<unsigned char>(digit)) != 0; });
}

[[noreturn]] void refuse(const std::string& address, const std::string& reason) {
  throw Error(Trouble::invalid, EINVAL, "address \"" + address + "\": " + reason);
}

void make_private(const std::string& directory) {
  const Result made = mkdir(directory, 0700, "the directory of this user's names");
  if (!made.ok() && made.error != EEXIST) made.check(directory);
  struct stat about {};
  (void)lstat(directory, about, "is it really ours?").check(directory);
  if (S_ISDIR(about.st_mode) && about.st_uid == ::geteuid() && (about.st_mode & 077) == 0) return;
  throw Error(Trouble::invalid, EPERM,
              "directory " + directory +
                  ": must be a directory of yours with mode 0700, not a link (chmod it, or set "
                  "IPC_DIR to another)");
}

}  // namespace

Path resolve(const std::string& address) {
  const auto slash = address.rfind('/');
  Path path;
  path.name = slash == std::string::npos ? address : address.substr(slash + 1);
  if (path.name.empty()) refuse(address, "has no name");
  if (path.name.front() == '.') refuse(address, "a name must not begin with a dot");
  if (path.name.size() > kLongestName)
    refuse(address, "the name is " + std::to_string(path.name.size()) + " bytes long; at most " +
                        std::to_string(kLongestName) + " fit");
  if (address.find('\0') != std::string::npos) refuse(address, "contains a NUL byte");
  const auto directory = slash == std::string::npos ? directories().front()
                         : slash == 0               ? std::string("/")
                                                    : address.substr(0, slash);
  path.directory = std::filesystem::absolute(directory).lexically_normal().string();
  if (path.directory.size() > 1 && path.directory.back() == '/') path.directory.pop_back();
  return path;
}

void prepare_directory(const Path& path) {
  const auto own = variable("IPC_DIR");
  for (const auto& directory : directories())
    if (directory != own && directory == path.directory) return make_private(directory);
  if (!own.empty() && std::filesystem::absolute(own).lexically_normal().string() == path.directory)
    std::filesystem::create_directories(own);
}

std::string found_elsewhere(const std::string& address) {
  if (address.find('/') != std::string::npos) return "";
  const auto all = directories();
  for (std::size_t i = 1; i < all.size(); ++i)
    if (std::filesystem::exists(all[i] + "/." + address + ".lease")) return all[i] + "/" + address;
  return "";
}

std::string random_token() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) throw Error("getrandom", "", errno);
  std::array<char, kTokenDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(number));
  return digits.data();
}

bool is_object_name(const std::string& name) {
  return name.size() > kTokenDigits + 2 && name[0] == '.' && name[kTokenDigits + 1] == '.' &&
         is_token(std::string_view(name).substr(1, kTokenDigits)) &&
         name.find('/') == std::string::npos;
}

std::string object_name(const std::string& word) {
  std::string name = "." + random_token();
  return name.append(".").append(word);
}

bool is_far_object_name(const std::string& name) {
  return name.starts_with(kFar) && name.size() == kFar.size() + kTokenDigits &&
         is_token(std::string_view(name).substr(kFar.size()));
}

std::string far_object_name() {
  return std::string(kFar) + random_token();
}

}  // namespace ipc::sys

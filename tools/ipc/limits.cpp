#include "tools/ipc/limits.hpp"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "ipc/sys/name.hpp"
#include "tools/ipc/layout.hpp"

namespace tools {
namespace {

// A file below /proc/sys: its name with slashes for dots. Some hold several numbers.
struct Sysctl {
  std::string_view name;
  std::string_view unit;
  unsigned field = 0;
};
constexpr std::array kSysctls{
    Sysctl{"fs.inotify.max_queued_events", "events"},
    Sysctl{"fs.inotify.max_user_instances", "receivers"},
    Sysctl{"fs.inotify.max_user_watches", "watches"},
    Sysctl{"fs.mqueue.msg_max", "messages"},
    Sysctl{"fs.mqueue.msgsize_max", "bytes"},
    Sysctl{"fs.mqueue.queues_max", "queues"},
    Sysctl{"fs.pipe-max-size", "bytes"},
    Sysctl{"fs.pipe-user-pages-soft", "pages"},
    Sysctl{"kernel.msgmax", "bytes"},
    Sysctl{"kernel.msgmnb", "bytes"},
    Sysctl{"kernel.msgmni", "queues"},
    Sysctl{"net.core.rmem_max", "bytes"},
    Sysctl{"net.core.somaxconn", "senders"},
    Sysctl{"net.core.wmem_default", "bytes"},
    Sysctl{"net.ipv4.tcp_mem", "pages", 2},   // low, pressure, high
    Sysctl{"net.ipv4.tcp_rmem", "bytes", 2},  // least, default, most
    Sysctl{"net.ipv4.tcp_wmem", "bytes", 2},
    Sysctl{"net.unix.max_dgram_qlen", "datagrams"},
};

struct Resource {
  std::string_view name;
  std::string_view unit;
  decltype(RLIMIT_NOFILE) number;
  std::string_view option;   // of ulimit, the shell's
  std::string_view service;  // of systemd.exec(5)
};
constexpr std::array kResources{
    Resource{"RLIMIT_MSGQUEUE", "bytes", RLIMIT_MSGQUEUE, "-q", "LimitMSGQUEUE="},
    Resource{"RLIMIT_NOFILE", "descriptors", RLIMIT_NOFILE, "-n", "LimitNOFILE="},
    Resource{"RLIMIT_SIGPENDING", "signals", RLIMIT_SIGPENDING, "-i", "LimitSIGPENDING="},
};

template <class Table>
auto find_in(const Table& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Table::value_type::name);
  return found == table.end() ? nullptr : &*found;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::uint64_t> number_in(const std::string& text, unsigned field) {
  std::istringstream words(text);
  std::uint64_t number = 0;
  for (unsigned i = 0; i <= field; ++i)
    if (!(words >> number)) return std::nullopt;
  return number;
}

// "SigQ: 3/95512" of /proc/self/status: of the whole user, not of this process.
std::optional<std::uint64_t> queued_signals() {
  const auto status = content_of("/proc/self/status");
  const auto at = status.find("SigQ:");
  return at == std::string::npos ? std::nullopt : number_in(status.substr(at + 5), 0);
}

// /proc/sysvipc/msg has a heading and a line for each queue.
std::optional<std::uint64_t> message_queues() {
  const auto table = content_of("/proc/sysvipc/msg");
  const auto lines = std::ranges::count(table, '\n');
  return lines == 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(lines - 1));
}

Limit read_sysctl(const Sysctl& sysctl) {
  Limit limit{std::string(sysctl.name), std::string(sysctl.unit)};
  std::string path = "/proc/sys/" + limit.name;
  std::ranges::replace(path, '.', '/');
  limit.value = number_in(content_of(path), sysctl.field);
  const std::string place = sysctl.field == 0 ? "VALUE" : "'LOW MIDDLE VALUE'";
  limit.remedy = "as root: sysctl -w " + limit.name + "=" + place;
  limit.remedy_of_family =
      "fs.*, kernel.*, net.*: as root, sysctl -w NAME=VALUE; a line in /etc/sysctl.d keeps it over "
      "a restart";
  if (limit.name == "kernel.msgmni" && limit.value)
    if (const auto used = message_queues())
      limit.free = *limit.value - std::min(*used, *limit.value);
  return limit;
}

Limit read_resource(const Resource& resource) {
  Limit limit{std::string(resource.name), std::string(resource.unit)};
  rlimit now{};
  if (::getrlimit(resource.number, &now) == 0) {
    limit.is_unlimited = now.rlim_cur == RLIM_INFINITY;
    if (!limit.is_unlimited) limit.value = now.rlim_cur;
    limit.remedy =
        limit.name + ": ulimit " + std::string(resource.option) + " NUMBER, " +
        (now.rlim_max == RLIM_INFINITY ? "without an end" : "here up to " + grouped(now.rlim_max)) +
        "; for a service " + std::string(resource.service) +
        "; further only with CAP_SYS_RESOURCE, or for a login in limits.conf(5)";
    limit.remedy_of_family = limit.remedy;
  }
  if (resource.number == RLIMIT_SIGPENDING && limit.value)
    if (const auto used = queued_signals())
      limit.free = *limit.value - std::min(*used, *limit.value);
  return limit;
}

Limit read_file_system(const std::string& path, std::string remedy) {
  Limit limit{path, "bytes"};
  struct statvfs about {};
  if (::statvfs(path.c_str(), &about) == 0) {
    limit.value = std::uint64_t{about.f_blocks} * about.f_frsize;
    limit.free = std::uint64_t{about.f_bavail} * about.f_frsize;
  }
  limit.remedy = limit.remedy_of_family = std::move(remedy);
  return limit;
}

// Where a bare name lives, or would: the directory is made by the first receiver.
std::string names_directory() {
  std::filesystem::path directory = ipc::sys::resolve("name").directory;
  std::error_code none;
  while (!std::filesystem::exists(directory, none) && directory.has_relative_path())
    directory = directory.parent_path();
  return directory.string();
}

}  // namespace

Limit read_limit(std::string_view name) {
  if (const Sysctl* sysctl = find_in(kSysctls, name)) return read_sysctl(*sysctl);
  if (const Resource* resource = find_in(kResources, name)) return read_resource(*resource);
  if (name == "/dev/shm")
    return read_file_system("/dev/shm", "/dev/shm: as root, mount -o remount,size=BYTES /dev/shm");
  if (name == kNamesDirectory) {
    const auto directory = names_directory();
    return read_file_system(directory, directory +
                                           ": names elsewhere ($IPC_DIR, or an address with "
                                           "a slash)");
  }
  throw std::out_of_range("no limit is called " + std::string(name));
}

}  // namespace tools

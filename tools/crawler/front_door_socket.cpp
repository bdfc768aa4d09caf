#include "tools/crawler/front_door_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "ipc/sys/error.hpp"

namespace crawler {
namespace {

using ipc::Error;
using ipc::Trouble;
using ipc::sys::Fd;

// A killed daemon's child that has not come to its exec yet shares the lock, for a millisecond. There
// is no event for "a lock is free" with a deadline, hence the naps.
constexpr int lock_tries = 50;
constexpr std::chrono::milliseconds lock_pause{10};

pool::LockFile lock(const std::string& path) {
  std::string holder;
  for (int left = lock_tries; left != 0; --left) {
    if (auto taken = pool::LockFile::take(path + ".lock", holder)) return std::move(*taken);
    std::this_thread::sleep_for(lock_pause);
  }
  throw Error(Trouble::in_use, EADDRINUSE,
              "socket " + path + ": a daemon is there already, pid " + holder +
                  " (stop it with kill -USR1 " + holder + ", or take another --socket)");
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Error(Trouble::limit, ENAMETOOLONG,
                "socket " + path + ": the path has " + std::to_string(path.size()) +
                    " bytes, and unix(7) has room for " +
                    std::to_string(sizeof address.sun_path - 1) + "; take a shorter one");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Fd open_socket(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) throw Error("socket", path, errno);
  return fd;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// With the lock held, what stands there is a dead daemon's, or not a daemon's at all.
void remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) == -1) {
    if (errno == ENOENT) return;
    throw Error("lstat", path, errno);
  }
  if (!S_ISSOCK(about.st_mode))
    throw Error(Trouble::in_use, EEXIST, "socket " + path + ": something else has that name");
  const Fd probe = open_socket(path);
  if (::connect(probe.get(), generic(address), sizeof address) == 0)
    throw Error(Trouble::in_use, EADDRINUSE, "socket " + path + ": another program listens there");
  if (::unlink(path.c_str()) == -1) throw Error("unlink", path, errno);
}

Fd listen_at(const std::string& path) {
  const sockaddr_un address = address_of(path);
  remove_stale(path, address);
  Fd fd = open_socket(path);
  // bind(2) takes the mode of the file from the socket's (0777) and the umask; a chmod afterwards
  // would leave a moment in which everybody may connect. The program has one thread.
  const mode_t before = ::umask(0177);
  const int bound = ::bind(fd.get(), generic(address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound == -1) throw Error("bind", path, error);
  if (::listen(fd.get(), SOMAXCONN) == -1) throw Error("listen", path, errno);
  return fd;
}

}  // namespace

SocketPath::SocketPath(const std::string& path)
    : path_(path), lock_(lock(path)), listener_(listen_at(path)) {}

SocketPath::~SocketPath() {
  ::unlink(path_.c_str());
}

}  // namespace crawler

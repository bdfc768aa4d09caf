#include "ipc/sys/socket.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "ipc/sys/file.hpp"
#include "ipc/sys/gather.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

constexpr std::size_t kLongestSunPath = sizeof(sockaddr_un{}.sun_path) - 1;

// An address that fits into sun_path. If the directory makes it too long, /proc/self/fd/N is a short
// name for an open directory; the kernel follows it like any other path.
class Address {
 public:
  explicit Address(const UnixName& name) {
    address_.sun_family = AF_UNIX;
    if (name.abstract) {
      // A leading NUL, no trailing one: the length alone ends an abstract name, unix(7).
      check_length(name, name.name.size());
      std::memcpy(address_.sun_path + 1, name.name.data(), name.name.size());
      length_ = offsetof(sockaddr_un, sun_path) + 1 + name.name.size();
      shown_ = "@" + shown::text(name.name);
      return;
    }
    auto text = name.path.in(name.name);
    if (text.size() > kLongestSunPath) {
      directory_ = Fd(open(name.path.directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
                           "a short way to a directory with a long name")
                          .check(name.path.directory)
                          .fd());
      text = "/proc/self/fd/" + std::to_string(directory_.get()) + "/" + name.name;
    }
    check_length(name, text.size());
    std::memcpy(address_.sun_path, text.c_str(), text.size() + 1);
    length_ = sizeof address_;
    shown_ = shown::text(text);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t length() const { return static_cast<socklen_t>(length_); }
  std::string shown() const { return "{sa_family=AF_UNIX, sun_path=" + shown_ + "}"; }

 private:
  static void check_length(const UnixName& name, std::size_t length) {
    if (length <= kLongestSunPath) return;
    throw Error(Trouble::limit, ENAMETOOLONG,
                "socket " + name.shown() + ": the name has " + std::to_string(name.name.size()) +
                    " bytes, and a socket's whole address at most " +
                    std::to_string(kLongestSunPath) + " (sun_path, unix(7)); use a shorter name");
  }

  std::string shown_;
  Fd directory_;
  sockaddr_un address_{};
  std::size_t length_ = 0;
};

}  // namespace

Fd make_unix_socket(int type, const char* why) {
  return Fd(perform(
                "socket", why,
                [&] { return ::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); },
                [&] {
                  return std::string("AF_UNIX, ") +
                         (type == SOCK_DGRAM    ? "SOCK_DGRAM"
                          : type == SOCK_STREAM ? "SOCK_STREAM"
                                                : "SOCK_SEQPACKET") +
                         "|SOCK_CLOEXEC|SOCK_NONBLOCK, 0";
                })
                .check("")
                .fd());
}

void bind_unix(int socket, const UnixName& name, mode_t mode, const char* why) {
  const auto object = name.shown();
  // The file that bind(2) makes has the socket's own mode, less the umask: so it is never wider than
  // this, and the chmod afterwards can only add what the umask took.
  if (!name.abstract)
    (void)fchmod(socket, mode, "before bind: nobody slips in meanwhile").check(object);
  const Address address(name);
  const Result bound = perform(
      "bind", why, [&] { return ::bind(socket, address.get(), address.length()); },
      [&] { return shown::list(socket, address.shown(), address.length()); });
  if (name.abstract && bound.error == EADDRINUSE)
    throw Error(Trouble::in_use, EADDRINUSE,
                "bind " + object + ": another socket has this abstract name");
  bound.check(object);
  if (name.abstract) return;
  const Result shaped = chmod(object, mode, "exactly this mode, whatever the umask");
  if (!shaped.ok()) (void)unlink(object, "it could not be made whole");
  shaped.check(object);
}

Result connect_unix(int socket, const UnixName& name, const char* why) {
  const Address address(name);
  return perform(
      "connect", why, [&] { return ::connect(socket, address.get(), address.length()); },
      [&] { return shown::list(socket, address.shown(), address.length()); });
}

void listen(int socket, int backlog, const char* why) {
  (void)perform(
      "listen", why, [&] { return ::listen(socket, backlog); },
      [&] { return shown::list(socket, backlog); })
      .check("");
}

Result accept4(int listener, const char* why) {
  return perform(
      "accept4", why,
      [&] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); },
      [&] { return shown::list(listener, "NULL", "NULL", "SOCK_CLOEXEC|SOCK_NONBLOCK"); });
}

Credentials peer_credentials(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  (void)perform(
      "getsockopt", "who connected? The kernel knows",
      [&] { return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length); },
      [&] {
        return shown::list(socket, "SOL_SOCKET", "SO_PEERCRED",
                           "{pid=" + std::to_string(peer.pid) + ", uid=" +
                               std::to_string(peer.uid) + ", gid=" + std::to_string(peer.gid) + "}",
                           "[12]");
      })
      .check("");
  return {peer.pid, peer.uid};
}

void pass_credentials(int socket) {
  const int on = 1;
  (void)perform(
      "setsockopt", "the kernel adds each sender's pid and uid",
      [&] { return ::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on); },
      [&] { return shown::list(socket, "SOL_SOCKET", "SO_PASSCRED", "[1]", sizeof on); })
      .check("");
}

std::size_t send_buffer_size(int socket) {
  int size = 0;
  socklen_t length = sizeof size;
  (void)perform(
      "getsockopt", "the longest datagram is a little less",
      [&] { return ::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, &length); },
      [&] {
        return shown::list(socket, "SOL_SOCKET", "SO_SNDBUF", "[" + std::to_string(size) + "]",
                           "[4]");
      })
      .check("");
  return static_cast<std::size_t>(size);
}

Result recv(int socket, std::span<std::byte> room, const char* why) {
  return perform(
      "recvfrom", why, [&] { return ::recv(socket, room.data(), room.size(), MSG_TRUNC); },
      [&] { return shown::list(socket, "room", room.size(), "MSG_TRUNC", "NULL", "NULL"); });
}

Result sendmsg(int socket, std::span<const iovec> parts, const char* why) {
  if (const Gathered gathered(parts); gathered)
    return perform(
        "sendto", why,
        [&] { return ::send(socket, gathered.data(), gathered.size(), MSG_NOSIGNAL); },
        [&] {
          return shown::list(socket, shown::bytes(gathered.size()), gathered.size(), "MSG_NOSIGNAL",
                             "NULL", 0);
        });
  msghdr header{};
  header.msg_iov = const_cast<iovec*>(parts.data());  // sendmsg(2) does not write to it
  header.msg_iovlen = parts.size();
  return perform(
      "sendmsg", why, [&] { return ::sendmsg(socket, &header, MSG_NOSIGNAL); },
      [&] {
        std::size_t sum = 0;
        for (const iovec& part : parts) sum += part.iov_len;
        return shown::list(socket, "{" + shown::bytes(sum) + "}", "MSG_NOSIGNAL");
      });
}

Result recvmsg(int socket, std::span<std::byte> room, std::optional<Credentials>& from,
               bool& truncated, const char* why) {
  iovec part{room.data(), room.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  // CMSG_CLOEXEC: a stranger may attach descriptors; those that fit no control buffer are closed
  // by the kernel, and any that did get through must not leak into programs started from here.
  const Result result = perform(
      "recvmsg", why, [&] { return ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC); },
      [&] {
        return shown::list(socket, "{room " + std::to_string(room.size()) + "}",
                           "MSG_CMSG_CLOEXEC");
      });
  from.reset();
  truncated = false;
  if (!result.ok()) return result;
  truncated = (header.msg_flags & MSG_TRUNC) != 0;
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each; each = CMSG_NXTHDR(&header, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_CREDENTIALS) continue;
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(each), sizeof credentials);
    from = Credentials{credentials.pid, credentials.uid};
  }
  return result;
}

}  // namespace ipc::sys

#include "ipc/connected/tcp_place.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ipc/connected/tcp_hello.hpp"
#include "ipc/sys/file.hpp"

namespace ipc::connected {
namespace {

std::string holder(const sys::Path& path) {
  const auto lease = sys::lease_path_of(path);
  const auto opened = sys::open(lease, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0, "by whom?");
  if (!opened.ok()) return " by a program that is not ours, or another user's";
  const sys::Fd file(opened.fd());
  return " by " + sys::holder_of(sys::read_lease(file.get(), lease));
}

TcpLink through_lease(const sys::Path& path) {
  sys::Seat seat(path, "tcp");
  TcpLink link{seat.object(), seat.max_message()};
  link.socket = sys::connect_tcp(sys::resolve_endpoint(link.object),
                                 Deadline::after(kAnswerPatience), "to the port in the lease");
  seat.enter();
  link.id = seat.id();
  link.seat = std::move(seat);
  return link;
}

TcpLink by_hello(const sys::Endpoint& endpoint) {
  const auto patience = Deadline::after(kAnswerPatience);
  TcpLink link{endpoint.shown()};
  link.socket = sys::connect_tcp(endpoint, patience, "to a receiver with no lease here");
  std::string payload(kMagic);
  payload += number_text(static_cast<std::uint32_t>(::getpid()));
  (void)send_note(link.socket.get(), note(kHello, 0, payload), "hello: who is there?");
  NoteReader reader;
  wire::Frame answer;
  if (!reader.next(link.socket.get(), answer, patience, link.object))
    throw Error(Trouble::no_receiver, ETIMEDOUT,
                "connect " + link.object + ": no receiver answers within 5 s");
  if (answer.flags == kRefused)
    throw Error(
        Trouble::limit, EUSERS,
        std::string(reinterpret_cast<const char*>(answer.payload.data()), answer.payload.size()));
  link.id = answer.sender;
  link.max_message = std::min<std::size_t>(number_of(answer.payload), kMaxMessage);
  return link;
}

}  // namespace

TcpPlace::TcpPlace(const std::string& address, const Options& options)
    : is_endpoint_(sys::is_endpoint(address)),
      listener_(open(is_endpoint_ ? address : "0")),
      path_(is_endpoint_ ? path_of(bound_) : sys::resolve(address)),
      lease_(path_,
             {.kind = "tcp",
              .home = sys::Home::none,
              .mode = options.mode.value_or(0600),
              .max_message = options.max_message.value_or(kMaxMessage),
              .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
              .bare = options.bare,
              .object = bound_.shown()},
             [](const std::string&) {}),
      address_(is_endpoint_ ? bound_.shown() : address) {
  if (options.bare && !is_endpoint_)
    throw Error(Trouble::invalid, EINVAL,
                "listen " + address +
                    ": with bare give PORT or HOST:PORT; other programs know "
                    "nothing of our names");
}

// "tcp.127.0.0.1.4711" in the user's directory.
sys::Path TcpPlace::path_of(const sys::Endpoint& endpoint) {
  auto name = "tcp." + endpoint.shown();
  for (char& c : name)
    if (c == ':') c = '.';
  return sys::resolve(name);
}

sys::Fd TcpPlace::open(const std::string& address) {
  const auto endpoint = sys::resolve_endpoint(address);
  try {
    return sys::listen_tcp(endpoint, bound_, "connections to any host");
  } catch (const Error& error) {
    if (error.code().value() != EADDRINUSE) throw;
    throw Error(Trouble::in_use, EADDRINUSE,
                "listen " + endpoint.shown() + ": in use" + holder(path_of(endpoint)));
  }
}

TcpLink TcpLink::to(const std::string& address) {
  if (!sys::is_endpoint(address)) return through_lease(sys::resolve(address));
  const auto endpoint = sys::resolve_endpoint(address);
  try {
    return through_lease(TcpPlace::path_of(endpoint));
  } catch (const Error& error) {
    if (error.trouble() != Trouble::no_receiver) throw;
  }
  return by_hello(endpoint);
}

}  // namespace ipc::connected

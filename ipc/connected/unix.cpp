#include "ipc/connected/unix.hpp"

#include <unistd.h>

#include <cerrno>

#include "ipc/sys/file.hpp"

namespace ipc::connected {
namespace {

// As long as the kernel allows: a sender that finds it full is turned away.
constexpr int kBacklog = SOMAXCONN;

sys::Lease::Terms terms_of(const UnixType& type, const Options& options) {
  return {.kind = type.kind,
          .home = options.abstract ? sys::Home::abstract : sys::Home::path,
          .mode = options.mode.value_or(0600),
          .max_message = UnixPlace::max_message(options),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .bare = options.bare};
}

// An abstract name has no permissions, so anybody may connect; we hear our own user alone.
std::optional<uid_t> heard(const Options& options) {
  if (options.from_uid || !options.abstract) return options.from_uid;
  return ::geteuid();
}

auto listen_at(const sys::Fd& listener, const sys::Path& path, const Options& options) {
  return [&listener, path, options](const std::string& object) {
    const sys::UnixName name{path, object.substr(object.rfind('/') + 1), options.abstract};
    sys::bind_unix(listener.get(), name, options.mode.value_or(0600),
                   options.abstract ? "a name without a file" : "makes the socket file");
    try {
      sys::listen(listener.get(), kBacklog, "from now on senders can connect");
    } catch (...) {  // whatever it was: no socket is left that nobody listens to
      if (!options.abstract) (void)sys::unlink(object, "it could not be made whole");
      throw;
    }
  };
}

}  // namespace

UnixPlace::UnixPlace(const std::string& address, const UnixType& type, const Options& options)
    : from_uid_(heard(options)),
      listener_(sys::make_unix_socket(type.type, type.why)),
      lease_(sys::resolve(address), terms_of(type, options),
             listen_at(listener_, sys::resolve(address), options)) {}

bool UnixPlace::admit(Connection& newcomer) const {
  const auto who = sys::peer_credentials(newcomer.socket.get());
  newcomer.peer.pid = who.pid;
  newcomer.peer.uid = who.uid;
  return !from_uid_ || who.uid == *from_uid_;
}

UnixReceiver::UnixReceiver(const std::string& address, const UnixType& type, const Options& options)
    : UnixPlace(address, type, options),
      FramedReceiver({.address = address,
                      .listener = take_listener(),
                      .max_message = max_message(options),
                      .slots = lease().slots(),
                      .lives = [this](std::uint32_t slot) { return lease().sender_lives(slot); },
                      .any_lives = [this] { return lease().any_sender_lives(); },
                      .admit = [this](Connection& newcomer) { return admit(newcomer); }}) {}

BareUnixReceiver::BareUnixReceiver(const std::string& address, const UnixType& type,
                                   const Options& options,
                                   std::function<Heard(Connection&, Bytes& message)> hear)
    : UnixPlace(address, type, options),
      BareReceiver({.address = address,
                    .listener = take_listener(),
                    .max_senders = options.max_senders.value_or(kMaxSenders),
                    .max_message = max_message(options),
                    .admit = [this](Connection& newcomer) { return admit(newcomer); },
                    .hear = std::move(hear)}) {}

sys::Fd connect_to(const sys::UnixName& name, const UnixType& type) {
  sys::Fd socket = sys::make_unix_socket(type.type, type.why);
  const auto connected =
      sys::connect_unix(socket.get(), name, "complete at once: the kernel queues it");
  const auto object = "connect " + name.shown() + ": ";
  if (connected.error == ECONNREFUSED || connected.error == ENOENT)
    throw Error(Trouble::no_receiver, connected.error, object + "no receiver");
  if (connected.error == EPROTOTYPE)
    throw Error(Trouble::invalid, EPROTOTYPE,
                object + "is a socket of another type, not for " + std::string(type.kind));
  if (connected.error == EAGAIN)
    throw Error(Trouble::limit, EAGAIN,
                object +
                    "too many wait to be accepted (net.core.somaxconn); its receiver is busy "
                    "or stopped");
  connected.check(name.shown());
  return socket;
}

sys::Fd connect_bare(const std::string& address, const UnixType& type, const Options& options) {
  const auto path = sys::resolve(address);
  sys::check_speaks_bare(path);
  return connect_to({path, path.name, options.abstract}, type);
}

UnixSender::UnixSender(const std::string& address, const UnixType& type, std::size_t unit)
    : UnixSender(sys::Seat(sys::resolve(address), type.kind), type, unit) {}

UnixSender::UnixSender(sys::Seat seat, const UnixType& type, std::size_t unit)
    : Sender(seat.max_message()),
      seat_(std::move(seat)),
      socket_(
          connect_to({seat_.path(), seat_.object(), seat_.home() == sys::Home::abstract}, type)),
      outbox_(unit) {
  seat_.enter();
  outbox_.enter(seat_.id());
}

UnixSender::~UnixSender() {
  if (!ends_well()) return;
  seat_.leave();  // before the connection closes: who sees its end finds the goodbye
}

void UnixSender::greet() {
  // Fits in: nothing has been sent before.
  (void)put(wire::encode({.sender = seat_.id(), .flags = wire::kNudge}), {}, Deadline::at_once());
}

Status UnixSender::do_send(Bytes message, Deadline deadline) {
  if (!seat_.receiver_lives()) return Status::closed;
  return outbox_.send(message, deadline, [this](Bytes header, Bytes payload, Deadline until) {
    return put(header, payload, until);
  });
}

std::uint64_t UnixSender::do_taken(std::uint64_t want, Deadline deadline) {
  return seat_.taken(outbox_.sent(), want, deadline);
}

}  // namespace ipc::connected

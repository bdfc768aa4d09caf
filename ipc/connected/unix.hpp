// AF_UNIX sockets with connections, under a lease: what seqpacket and stream have in common.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ipc/connected/bare.hpp"
#include "ipc/connected/receiver.hpp"
#include "ipc/framed/outbox.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/socket.hpp"

namespace ipc::connected {

/// What makes the two kinds different for the kernel.
struct UnixType {
  std::string_view kind;
  int type;         ///< SOCK_SEQPACKET or SOCK_STREAM.
  const char* why;  ///< For --explain.
};

/// A name and the socket that listens there.
class UnixPlace {
 public:
  UnixPlace(const std::string& address, const UnixType& type, const Options& options);

  /// Fills in who the newcomer is; false if it is not to be heard.
  bool admit(Connection& newcomer) const;
  sys::Lease& lease() { return lease_; }
  sys::Fd take_listener() { return std::move(listener_); }
  static std::size_t max_message(const Options& options) {
    return options.max_message.value_or(kMaxMessage);
  }

 private:
  std::optional<uid_t> from_uid_;
  sys::Fd listener_;
  sys::Lease lease_;
};

/// The framed receiver of either kind; it lacks hear().
class UnixReceiver : private UnixPlace, public FramedReceiver {
 protected:
  UnixReceiver(const std::string& address, const UnixType& type, const Options& options);
};

/// The bare receiver of either kind.
class BareUnixReceiver : private UnixPlace, public BareReceiver {
 public:
  BareUnixReceiver(const std::string& address, const UnixType& type, const Options& options,
                   std::function<Heard(Connection&, Bytes& message)> hear);
};

/// A connected socket. Throws Trouble::no_receiver if nobody listens there.
sys::Fd connect_to(const sys::UnixName& name, const UnixType& type);
/// The same for senders that speak bare.
sys::Fd connect_bare(const std::string& address, const UnixType& type, const Options& options);

/// The framed sender of either kind; it lacks put().
class UnixSender : public Sender {
 public:
  ~UnixSender() override;

 protected:
  UnixSender(const std::string& address, const UnixType& type, std::size_t unit);
  int socket() const { return socket_.get(); }
  bool receiver_lives() { return seat_.receiver_lives(); }
  const std::string& object_path() const { return seat_.object_path(); }
  /// To be called by the constructor of the kind, once put() is there.
  void greet();

 private:
  virtual Status put(Bytes header, Bytes payload, Deadline deadline) = 0;
  Status do_send(Bytes message, Deadline deadline) override;
  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override;

  UnixSender(sys::Seat seat, const UnixType& type, std::size_t unit);
  sys::Seat seat_;
  sys::Fd socket_;
  framed::Outbox outbox_;
};

}  // namespace ipc::connected

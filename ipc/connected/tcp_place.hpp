// Where a TCP receiver is found, and how a sender gets there.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/seat.hpp"
#include "ipc/sys/tcp.hpp"
#include "ipc/transport.hpp"

namespace ipc::connected {

/// How long a sender waits for the receiver's side to answer.
inline constexpr auto kAnswerPatience = std::chrono::seconds(5);

/// The listener, and the lease that names it: NAME, or tcp.HOST.PORT in the user's directory.
class TcpPlace {
 public:
  TcpPlace(const std::string& address, const Options& options);

  static sys::Path path_of(const sys::Endpoint& endpoint);
  sys::Lease& lease() { return lease_; }
  const sys::Path& path() const { return path_; }
  /// What a sender must be given: with port 0 the one that it became.
  const std::string& found_at() const { return address_; }
  sys::Fd take_listener() { return std::move(listener_); }

 private:
  sys::Fd open(const std::string& address);

  bool is_endpoint_;
  sys::Endpoint bound_;
  sys::Fd listener_;
  sys::Path path_;
  sys::Lease lease_;
  std::string address_;
};

/// A sender's place at the receiver, taken through its lease or, where there is none, over the
/// connection.
struct TcpLink {
  std::string object;
  std::size_t max_message = 0;
  std::uint32_t id = 0;
  sys::Fd socket{};
  std::optional<sys::Seat> seat{};

  /// Throws Trouble::no_receiver if nobody is there or nobody answers, Trouble::limit if all places
  /// are taken.
  static TcpLink to(const std::string& address);
};

}  // namespace ipc::connected

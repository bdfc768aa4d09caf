// What a client is told in place of an answer. Apart from client_http.hpp because of Asio, which is slow
// to compile.
#pragma once

#include <stdexcept>

namespace crawler {

/// Nobody listens at the socket.
struct NoDaemon : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The daemon refused the request; the message is its reason.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// It takes no request of that length.
struct TooLong : Refused {
  using Refused::Refused;
};
/// The daemon broke the connection, or its answer made no sense.
struct DaemonGone : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace crawler

// Where a caller hears its replies: a receiver of its own, of the server's kind.
//
//   server            the caller's inbox
//   DIR/demo          DIR/demo.reply.1, or the first such name that no live caller has. What a killed
//                     caller leaves is taken over by the next or removed by the server, whichever
//                     comes first
//   /proc/PID/fd/N    a pipe of the caller's own, /proc/PID/fd/M (kinds without names)
//   PORT, HOST:PORT   any free port of the loopback interface; from another host, where the caller
//                     says that this one is reached
//
// A server connects to what a stranger tells it, as its own user. So that nobody can make it write
// to any other inbox of that user, it takes only addresses of these forms.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ipc/transport.hpp"

namespace ipc::rpc {

/// Listens for the replies of the server at `server`. `at` is "" or, for a server on another host,
/// HOST:PORT of this one; port 0 is any free one. Throws ipc::Error.
std::unique_ptr<Receiver> listen_for_replies(const Kind& kind, const std::string& server,
                                             const std::string& at);

/// Removes what killed callers of the server at `server` have left, whether that has ever heard of them
/// or not: whose inbox has a name, and is nobody's by its lease. What the living have stays, and so
/// does what cannot be removed now.
void remove_dead_inboxes(const Kind& kind, const std::string& server);

/// Whether `address` has the form of such an inbox.
bool is_reply_address(const Kind& kind, std::string_view address);

}  // namespace ipc::rpc

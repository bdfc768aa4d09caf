// What a client says to a daemon, over its Unix socket. The only part of the client that knows Beast.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "tools/crawler/client_errors.hpp"

namespace crawler {

// These run on the executor of the coroutine that awaits them, and throw one of client_errors.hpp.

/// Asks for these pages and calls `each` with every line of the answer, without its end, as it comes.
boost::asio::awaitable<void> ask_pages(std::string socket_path, std::vector<std::string> urls,
                                       std::function<void(std::string_view)> each);

/// Calls `connected` with the daemon's pid once it is certain to be alive and to tell its total when
/// it stops; then waits for that and returns it: one line, without its end.
boost::asio::awaitable<std::string> ask_total(std::string socket_path,
                                              std::function<void(pid_t)> connected);

/// Returns if somebody listens there.
boost::asio::awaitable<void> knock(std::string socket_path);

}  // namespace crawler

// Servers that misbehave, each at a path of its own below /hostile/. The list stands in
// hostile.cpp.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "tests/site/connection.hpp"

namespace site {

/// Whether the connection may serve a further request.
enum class After { keep, close };

/// Misbehaves as `request.path` names; 404 for a path that names nothing.
boost::asio::awaitable<After> misbehave(Connection& connection, const Request& request);

}  // namespace site

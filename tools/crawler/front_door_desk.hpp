// What the front door asks the daemon behind it for.
#pragma once

#include <functional>
#include <memory>

#include <boost/json/object.hpp>

#include "tools/crawler/request.hpp"

namespace crawler {

/// All are called on the front door's thread, and not after its end.
struct Desk {
  std::function<bool(std::shared_ptr<Request>)> submit;  ///< False: no new requests.
  std::function<void(const Request&)> abandon;
  std::function<void()> read;  ///< A client has read: unsent() of its request has shrunk.
  std::function<boost::json::object()> status;
};

}  // namespace crawler

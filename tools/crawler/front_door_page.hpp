// The page for people at "/".
#pragma once

#include <string>

#include <boost/json/object.hpp>

namespace crawler {

/// HTML made of a status (GET /status). Everything in it is escaped: URLs are what strangers wrote.
std::string status_page(const boost::json::object& status);

}  // namespace crawler

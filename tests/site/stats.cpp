#include "tests/site/stats.hpp"

#include <boost/json.hpp>

namespace site {

Stats::Underway Stats::begin(const std::string& path) {
  ++requests_;
  ++paths_[path];
  return Underway(*this);
}

std::string Stats::json() const {
  boost::json::object paths;
  for (const auto& [path, count] : paths_) paths[path] = count;
  return boost::json::serialize(boost::json::object{{"requests", requests_},
                                                    {"connections", connections_},
                                                    {"parallel", now_},
                                                    {"max_parallel", most_},
                                                    {"paths", paths}}) +
         "\n";
}

}  // namespace site

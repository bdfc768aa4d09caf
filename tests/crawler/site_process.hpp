// The demo site, running beside a test. It ends with the object, and with the test's process however
// that ends, for its standard input is a pipe from here.
#pragma once

#include <sys/types.h>

#include <string>

#include <boost/json/object.hpp>

namespace support {

class SiteProcess {
 public:
  explicit SiteProcess(unsigned pages = 500);
  ~SiteProcess();
  SiteProcess(const SiteProcess&) = delete;
  SiteProcess& operator=(const SiteProcess&) = delete;

  /// "http://127.0.0.1:PORT" + path
  std::string url(const std::string& path) const { return "http://" + host() + path; }
  /// "127.0.0.1:PORT"
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  /// What /stats says.
  boost::json::object stats() const;

 private:
  pid_t pid_ = -1;
  int lifeline_ = -1;
  unsigned short port_ = 0;
};

}  // namespace support

// The least HTTP client that tests need: it sends what it is told, and waits for at most 20 seconds.
#pragma once

#include <cstdint>
#include <string>

#include "ipc/sys/fd.hpp"

namespace support {

struct Response {
  int status = 0;
  std::string head;  ///< The status line and the header, with all line ends.
  std::string body;  ///< Without chunk sizes.
};

class HttpClient {
 public:
  explicit HttpClient(const std::string& socket_path);
  explicit HttpClient(std::uint16_t port);  ///< 127.0.0.1

  void send(const std::string& bytes);
  /// Reads one response of known length or in chunks, or up to the end of the connection.
  Response receive();
  /// Reads only the head; body() reads on.
  Response receive_head();
  /// The next line of a body in chunks, or without any; "" at its end.
  std::string line(bool is_chunked);
  /// True if the server has closed the connection.
  bool is_at_end();
  /// Sends a request with Host, and Content-Length if there is a body.
  void request(const std::string& method, const std::string& target, const std::string& body = "",
               const std::string& fields = "");
  /// request() and receive().
  Response ask(const std::string& method, const std::string& target, const std::string& body = "",
               const std::string& fields = "");
  void shut_sending_down();
  int fd() const { return fd_.get(); }

 private:
  bool fill();  // more into buffer_; false at the end
  std::string take(std::size_t count);
  std::string take_line();  // with its "\n"

  ipc::sys::Fd fd_;
  std::string buffer_;
  std::string chunk_;
  bool is_over_ = false;
};

}  // namespace support

#include "tests/crawler/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace support {
namespace {

ipc::sys::Fd connected(int family, const sockaddr* address, socklen_t size) {
  ipc::sys::Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{20, 0};
  if (!fd.is_open() ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == -1 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == -1 ||
      ::connect(fd.get(), address, size) == -1)
    throw std::system_error(errno, std::generic_category(), "connect");
  return fd;
}

/// The value of a field, in lower case; "" if there is none.
std::string field(const std::string& head, const std::string& name) {
  std::string lower;
  for (const char c : head) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto at = lower.find("\r\n" + name + ": ");
  if (at == lower.npos) return "";
  const auto begin = at + name.size() + 4;
  return lower.substr(begin, lower.find("\r\n", begin) - begin);
}

}  // namespace

HttpClient::HttpClient(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) throw std::length_error(socket_path);
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  fd_ = connected(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

HttpClient::HttpClient(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  fd_ = connected(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

void HttpClient::send(const std::string& bytes) {
  for (std::size_t done = 0; done != bytes.size();) {
    const auto count = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (count == -1) throw std::system_error(errno, std::generic_category(), "send");
    done += static_cast<std::size_t>(count);
  }
}

bool HttpClient::fill() {
  std::array<char, 65536> room{};
  const auto count = ::recv(fd_.get(), room.data(), room.size(), 0);
  if (count == -1) throw std::system_error(errno, std::generic_category(), "recv");
  buffer_.append(room.data(), static_cast<std::size_t>(count));
  return count != 0;
}

std::string HttpClient::take(std::size_t count) {
  while (buffer_.size() < count)
    if (!fill()) throw std::runtime_error("the connection ended in the middle of a response");
  std::string taken = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return taken;
}

std::string HttpClient::take_line() {
  std::size_t end;
  while ((end = buffer_.find('\n')) == buffer_.npos)
    if (!fill()) return "";
  return take(end + 1);
}

Response HttpClient::receive_head() {
  Response response;
  std::string line;
  do response.head += line = take_line();
  while (!line.empty() && line != "\r\n");
  if (response.head.size() > 12) response.status = std::atoi(response.head.c_str() + 9);
  chunk_.clear();
  is_over_ = false;
  return response;
}

Response HttpClient::receive() {
  Response response = receive_head();
  if (field(response.head, "transfer-encoding") == "chunked") {
    for (std::string part; !(part = line(true)).empty();) response.body += part;
  } else if (const auto length = field(response.head, "content-length"); !length.empty()) {
    response.body = take(std::stoul(length));
  } else if (response.status >= 200) {
    for (std::string part; !(part = line(false)).empty();) response.body += part;
  }
  return response;
}

std::string HttpClient::line(bool is_chunked) {
  if (!is_chunked) return take_line();
  std::size_t end;
  while ((end = chunk_.find('\n')) == chunk_.npos && !is_over_) {
    const std::size_t size = std::stoul(take_line(), nullptr, 16);
    chunk_ += take(size);
    (void)take(2);
    is_over_ = size == 0;
  }
  std::string taken = chunk_.substr(0, end == chunk_.npos ? end : end + 1);
  chunk_.erase(0, taken.size());
  return taken;
}

bool HttpClient::is_at_end() {
  try {
    return buffer_.empty() && !fill();
  } catch (const std::system_error& error) {
    return error.code().value() == ECONNRESET;
  }
}

void HttpClient::request(const std::string& method, const std::string& target,
                         const std::string& body, const std::string& fields) {
  std::string text = method + " " + target + " HTTP/1.1\r\n" + fields;
  if (fields.find("Host:") == fields.npos) text += "Host: localhost\r\n";
  if (!body.empty() || method == "POST")
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + body);
}

Response HttpClient::ask(const std::string& method, const std::string& target,
                         const std::string& body, const std::string& fields) {
  request(method, target, body, fields);
  return receive();
}

void HttpClient::shut_sending_down() {
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace support
